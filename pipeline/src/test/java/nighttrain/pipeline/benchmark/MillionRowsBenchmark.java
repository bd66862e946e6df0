package nighttrain.pipeline.benchmark;

import java.io.IOException;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Runs {@link MillionRows} in a process of its own with a heap of 1 GiB. */
@Tag("benchmark")
class MillionRowsBenchmark {
    private static final long ROWS = 1_000_000;
    private static final long MINUTES = 20;

    @TempDir
    private Path dir;

    @Test
    @Timeout(value = MINUTES, unit = TimeUnit.MINUTES)
    void aMillionRowsInOneGibibyte() throws IOException, InterruptedException {
        OwnProcess.run("1g", MillionRows.class, dir, ROWS);
    }
}
