package nighttrain.jobs.plan;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Optional;
import nighttrain.executor.perf.AllReduceLatency;
import nighttrain.executor.perf.HardwareProfile;
import nighttrain.jobs.plan.Trial.TrialSize;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class TrialSizeTest {
    private static final HardwareProfile GPU =
            new HardwareProfile("GPU", 1L << 30, 1e12, 1e12, 1, 1, 0, AllReduceLatency.unknown(), 2);
    private static final HardwareProfile CPU =
            new HardwareProfile("CPU", 1L << 30, 1e10, 1e10, 1, 1, 0, AllReduceLatency.unknown(), Float.BYTES);

    /** At a forecast of 1 ms a row, a GPU has time for thirty thousand rows and a processor for ten thousand. */
    @ParameterizedTest
    @CsvSource({
        "256, 1000000, 2048", // eight batches
        "16, 1000000, 256", // more batches if they are small
        "8192, 1000000, 30085", // as many as time allows
        "256, 500, 500", // all rows
        "256, 100, 100",
        "256, 1, 1",
    })
    void onAGpu(int maxNumSeqs, int there, int rows) {
        assertThat(tried(TrialSize.of(Optional.empty(), maxNumSeqs), there, GPU, 0.001))
                .isEqualTo(rows);
    }

    @Test
    void slowRowsAreTriedNeverthelessButFew() {
        TrialSize size = TrialSize.of(Optional.empty(), 256);
        assertThat(tried(size, 1_000_000, GPU, 60)).isEqualTo(256);
        assertThat(tried(size, 1_000_000, CPU, 0.02)).isEqualTo(85 + 500);
        assertThat(tried(size, 1_000_000, CPU, 0.1)).isEqualTo(256);
    }

    @Test
    void whatIsAskedForIsDoneHoweverLongItTakes() {
        TrialSize size = TrialSize.of(Optional.of(60), 256);
        assertThat(size.cold(1_000_000)).isEqualTo(20);
        assertThat(tried(size, 1_000_000, CPU, 3600)).isEqualTo(60);
    }

    private static int tried(TrialSize size, int there, HardwareProfile hardware, double secondsOfARow) {
        return size.cold(there) + size.warm(there, hardware, rows -> rows * secondsOfARow);
    }
}
