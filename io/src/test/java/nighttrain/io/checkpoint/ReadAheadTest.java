package nighttrain.io.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(30)
class ReadAheadTest {
    @TempDir
    private Path dir;

    private void weights(long bytes) throws IOException {
        try (RandomAccessFile file =
                new RandomAccessFile(dir.resolve(WeightFiles.SINGLE).toFile(), "rw")) {
            file.setLength(bytes);
        }
    }

    @Test
    void filesAreReadToTheirEnd() throws Exception {
        weights((100 << 20) + 5);
        try (ReadAhead ahead = ReadAhead.of(dir, Long.MAX_VALUE)) {
            while (ahead.left() > 0) {
                TimeUnit.MILLISECONDS.sleep(5);
            }
        }
    }

    @Test
    void nothingIsReadOnceItIsClosed() throws Exception {
        weights(1L << 36); // sparse; reading it all takes long
        ReadAhead ahead = ReadAhead.of(dir, Long.MAX_VALUE);
        assertThat(ahead.left()).isPositive();
        ahead.close();
        assertThat(ahead.left()).isZero();
    }

    @Test
    void whatTheCacheCannotHoldIsNotBegun() throws Exception {
        weights(9 << 20);
        try (ReadAhead ahead = ReadAhead.of(dir, (9 << 20) - 1)) {
            TimeUnit.MILLISECONDS.sleep(20);
            assertThat(ahead.left()).isEqualTo(2);
        }
    }

    @Test
    void aDirectoryWithoutWeightsIsLeftToWhoOpensIt() {
        try (ReadAhead ahead = ReadAhead.of(dir.resolve("missing"), Long.MAX_VALUE)) {
            assertThat(ahead.left()).isZero();
        }
    }
}
