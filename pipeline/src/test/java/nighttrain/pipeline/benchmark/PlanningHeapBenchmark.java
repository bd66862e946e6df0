package nighttrain.pipeline.benchmark;

import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Runs {@link PlanningHeap} in a process of its own with a heap of 512 MiB. */
@Tag("benchmark")
class PlanningHeapBenchmark {
    private static final long MINUTES = 90;

    @TempDir
    private Path dir;

    @ParameterizedTest
    @ValueSource(longs = {10_000_000, 100_000_000})
    @Timeout(value = MINUTES, unit = TimeUnit.MINUTES)
    void theDriverHoldsNoRows(long rows) throws Exception {
        OwnProcess.run("512m", PlanningHeap.class, dir, rows);
    }
}
