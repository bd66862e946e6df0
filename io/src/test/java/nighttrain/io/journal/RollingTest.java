package nighttrain.io.journal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import nighttrain.io.journal.ArrowJournalWriter.RollingFiles;
import nighttrain.io.rows.ResultRow;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FSDataOutputStream;
import org.apache.hadoop.fs.FilterFileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.fs.permission.FsPermission;
import org.apache.hadoop.util.Progressable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Tests journals on stores where a stream cannot be flushed and a file exists only once it is closed. */
class RollingTest {
    @TempDir
    java.nio.file.Path dir;

    private final AtomicLong seconds = new AtomicLong(1000);
    private ObjectStore fs;
    private Journal journal;

    /** Behaves as S3 does: a file does not exist before it is closed. */
    private static final class ObjectStore extends FilterFileSystem {
        private boolean failing;

        ObjectStore() throws IOException {
            super(JournalFileSystem.raw(Rows.localFileSystem()));
            setConf(new Configuration());
        }

        @Override
        public FSDataOutputStream create(
                Path file,
                FsPermission permission,
                boolean overwrite,
                int bufferBytes,
                short replication,
                long blockBytes,
                Progressable progress)
                throws IOException {
            OutputStream atTheEnd = new ByteArrayOutputStream() {
                @Override
                public void close() throws IOException {
                    if (failing) {
                        throw new IOException("no route to the store");
                    }
                    try (OutputStream out = fs.create(file, overwrite)) {
                        writeTo(out);
                    }
                }
            };
            return new FSDataOutputStream(atTheEnd, null);
        }
    }

    @BeforeEach
    void openJournal() throws IOException {
        fs = new ObjectStore();
        journal = new Journal(fs, new Path(dir.toUri()));
    }

    private JournalWriter<ResultRow> writer() {
        return new ArrowJournalWriter<>(
                new RollingFiles(fs, journal.dir(), "results-", "w"),
                RowFormat.RESULTS,
                Duration.ofSeconds(5),
                () -> seconds.get() * 1_000_000_000L);
    }

    private List<List<Long>> rowsByFile() {
        return journal.resultFiles().stream()
                .map(file -> Rows.rowNumbers(fs, file.getPath()))
                .toList();
    }

    @Test
    void everyFlushEndsAFile() {
        try (JournalWriter<ResultRow> results = writer()) {
            results.append(Rows.row(0));
            results.flush();
            assertThat(rowsByFile()).containsExactly(List.of(0L));
            seconds.addAndGet(5);
            results.append(Rows.row(1));
            results.append(Rows.row(2));
            results.flush();
            results.flush();
            assertThat(rowsByFile()).containsExactly(List.of(0L), List.of(1L, 2L));
        }
        assertThat(rowsByFile()).as("nothing left, no file").hasSize(2);
    }

    @Test
    void flushesInQuickSuccessionArePutOff() {
        try (JournalWriter<ResultRow> results = writer()) {
            for (int i = 0; i < 11; i++) {
                results.append(Rows.row(i));
                results.flush();
                seconds.incrementAndGet();
            }
            assertThat(rowsByFile())
                    .containsExactly(List.of(0L), List.of(1L, 2L, 3L, 4L, 5L), List.of(6L, 7L, 8L, 9L, 10L));
            results.append(Rows.row(11));
            results.flush();
            assertThat(rowsByFile()).hasSize(3);
        }
        assertThat(rowsByFile()).hasSize(4).last().isEqualTo(List.of(11L));
    }

    @Test
    void muchIsWrittenAtOnce() {
        try (JournalWriter<ResultRow> results = writer()) {
            for (int i = 0; i < 2 * ArrowJournalWriter.MAX_BUFFERED_ROWS; i++) {
                results.append(Rows.row(i));
            }
            assertThat(rowsByFile()).extracting(List::size).containsExactly(8192, 8192);
        }
    }

    @Test
    void aWriterThatFailedStaysFailed() {
        JournalWriter<ResultRow> results = writer();
        results.append(Rows.row(0));
        fs.failing = true;
        assertThatThrownBy(results::flush)
                .isInstanceOf(UncheckedIOException.class)
                .hasMessageStartingWith("cannot write the journal: ")
                .hasRootCauseMessage("no route to the store");
        assertThatThrownBy(() -> results.append(Rows.row(1)))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageStartingWith("journal writer is FAILED: ");
        fs.failing = false;
        results.close();
        assertThat(rowsByFile()).isEmpty();
    }
}
