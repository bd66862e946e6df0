package nighttrain.pipeline.task;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import nighttrain.io.journal.AttemptLog;
import nighttrain.io.journal.Journal;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FSDataOutputStream;
import org.apache.hadoop.fs.RawLocalFileSystem;
import org.apache.hadoop.util.Progressable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class InFlightTest {
    @TempDir
    private Path dir;

    @Test
    void aLogThatCannotBeReleasedIsClosed() throws Exception {
        try (Disk disk = new Disk()) {
            disk.initialize(dir.toUri(), new Configuration());
            Journal journal = new Journal(disk, new org.apache.hadoop.fs.Path(dir.toUri()));
            InFlight inFlight = new InFlight(Optional.of(new AttemptLog(journal, "a")), false);
            inFlight.begin(List.of(new ActiveRow(new PromptRow("f", 1, 0, "f:1", "text", null, null), List.of())));
            assertThat(disk.open).isEqualTo(1);
            disk.full = true;
            assertThatThrownBy(inFlight::close)
                    .isInstanceOf(UncheckedIOException.class)
                    .hasMessageContaining("cannot end the journal");
            assertThat(disk.open).isZero();
        }
    }

    /** Counts the files that are open. */
    private static final class Disk extends RawLocalFileSystem {
        private boolean full;
        private int open;

        @Override
        public FSDataOutputStream create(
                org.apache.hadoop.fs.Path file,
                boolean overwrite,
                int bufferSize,
                short replication,
                long blockSize,
                Progressable progress)
                throws IOException {
            open++;
            return new FSDataOutputStream(
                    super.create(file, overwrite, bufferSize, replication, blockSize, progress), null) {
                @Override
                public void hflush() throws IOException {
                    if (full) {
                        throw new IOException("no space left on device");
                    }
                    super.hflush();
                }

                @Override
                public void close() throws IOException {
                    open--;
                    super.close();
                }
            };
        }
    }
}
