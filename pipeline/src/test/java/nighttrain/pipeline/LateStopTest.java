package nighttrain.pipeline;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.time.Duration;
import java.util.concurrent.CancellationException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.LockSupport;
import nighttrain.pipeline.testing.JobTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Stops a run late, when all rows are finished. */
class LateStopTest extends JobTest {
    /** Shorter than any of Spark's jobs, but long enough that Spark does more than cancel. */
    private static final Duration PAUSE = Duration.ofMillis(10);

    @Test
    @Timeout(180)
    void whileMetricsAndReportAreWrittenStopsTheRunToo() throws Exception {
        input(1, prompts(20));
        AtomicBoolean ended = new AtomicBoolean();
        Thread canceller = new Thread(() -> {
            while (!ended.get()) {
                if (output().resolve("results").toFile().exists()) {
                    spark.sparkContext().cancelAllJobs();
                }
                LockSupport.parkNanos(PAUSE.toNanos());
            }
        });
        canceller.start();
        try {
            assertThatThrownBy(this::run).isInstanceOf(CancellationException.class);
        } finally {
            ended.set(true);
            canceller.join();
        }
        assertThat(output().resolve("summary.json")).doesNotExist();
        assertThat(run().rows()).isEqualTo(20);
        assertThat(script().computations()).isEqualTo(20);
        assertThat(output().resolve("metrics")).isNotEmptyDirectory();
    }
}
