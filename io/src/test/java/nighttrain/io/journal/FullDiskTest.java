package nighttrain.io.journal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.util.List;
import nighttrain.io.journal.AttemptLog.RowAttempt;
import nighttrain.io.rows.ResultRow;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FSDataOutputStream;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.fs.RawLocalFileSystem;
import org.apache.hadoop.util.Progressable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/** Tests a full local disk. Hadoop treats it as an error of the program, a journal as any other fault of its file system. */
@EnabledOnOs(OS.LINUX)
class FullDiskTest {
    @TempDir
    java.nio.file.Path dir;

    private final Disk disk = new Disk();
    private Journal journal;

    @BeforeEach
    void open() throws IOException {
        disk.initialize(URI.create("file:///"), new Configuration());
        journal = new Journal(disk, new Path(dir.toUri()));
    }

    @Test
    void failsWhoWritesRows() {
        disk.full = true;
        JournalWriter<ResultRow> writer = journal.results("a");
        writer.append(Rows.row(0));
        assertThatThrownBy(writer::flush)
                .isInstanceOf(UncheckedIOException.class)
                .hasMessageStartingWith("cannot write the journal: ")
                .hasRootCauseMessage("No space left on device");
    }

    @Test
    void isHeldAgainstNoRow() {
        AttemptLog log = new AttemptLog(journal, "a");
        log.begin(List.of(new RowAttempt("f", 0, 0, false, false)));
        assertThat(AttemptLog.files(journal, "")).hasSize(1);
        disk.full = true;
        assertThatThrownBy(log::release)
                .isInstanceOf(UncheckedIOException.class)
                .hasMessageStartingWith("cannot end the journal: ")
                .hasRootCauseMessage("No space left on device");
        assertThat(AttemptLog.files(journal, "")).isEmpty();
    }

    /** A disk on which new files have no room once {@code full} is set. */
    private static final class Disk extends RawLocalFileSystem {
        private boolean full;

        @Override
        public FSDataOutputStream create(
                Path file,
                boolean overwrite,
                int bufferBytes,
                short replication,
                long blockBytes,
                Progressable progress)
                throws IOException {
            Path where = full ? new Path("/dev/full") : file;
            return super.create(where, overwrite || full, bufferBytes, replication, blockBytes, progress);
        }
    }
}
