package nighttrain.pipeline.benchmark;

import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Runs {@link Fleet} with one executor, with four, with four of which one is slow, and with 1 and 32 engines in one process. */
@Tag("benchmark")
class FleetBenchmark {
    private static final long MINUTES = 15;
    private static final long ROWS_PER_ENGINE = 780;
    private static final int STEP_MS = 50;

    @TempDir
    private Path dir;

    @Test
    @Timeout(value = MINUTES, unit = TimeUnit.MINUTES)
    void fourExecutorsBesideOne() throws Exception {
        fleet("one", "local-cluster[1,4,512]", 1, ROWS_PER_ENGINE, 1, STEP_MS);
        fleet("four", "local-cluster[4,4,512]", 4, ROWS_PER_ENGINE, 1, STEP_MS);
    }

    @Test
    @Timeout(value = MINUTES, unit = TimeUnit.MINUTES)
    void oneOfFourIsFourTimesSlower() throws Exception {
        fleet("slow", "local-cluster[4,4,512]", 4, 6000, 4, 20);
    }

    @Test
    @Timeout(value = MINUTES, unit = TimeUnit.MINUTES)
    void thirtyTwoEnginesBesideOne() throws Exception {
        fleet("one", "local[4]", 1, ROWS_PER_ENGINE, 1, STEP_MS);
        fleet("thirty-two", "local[128]", 32, ROWS_PER_ENGINE, 1, STEP_MS);
    }

    private void fleet(String name, Object... arguments) throws Exception {
        OwnProcess.run("1g", Fleet.class, dir.resolve(name), arguments);
    }
}
