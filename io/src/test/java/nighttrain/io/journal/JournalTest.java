package nighttrain.io.journal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.NoSuchElementException;
import nighttrain.io.UserError;
import nighttrain.io.rows.MetricsRow;
import nighttrain.io.rows.ResultRow;
import org.apache.hadoop.fs.FSDataInputStream;
import org.apache.hadoop.fs.FSInputStream;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.FilterFileSystem;
import org.apache.hadoop.fs.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class JournalTest {
    @TempDir
    java.nio.file.Path dir;

    private FileSystem fs;
    private Journal journal;

    @BeforeEach
    void openJournal() throws IOException {
        fs = Rows.localFileSystem();
        journal = new Journal(fs, new Path(dir.resolve("journal").toUri()));
    }

    private void write(String writer, ResultRow... rows) {
        try (JournalWriter<ResultRow> results = journal.results(writer)) {
            for (ResultRow row : rows) {
                results.append(row);
            }
        }
    }

    private List<ResultRow> readOnlyFile() {
        assertThat(journal.resultFiles()).hasSize(1);
        return Rows.readAll(fs, journal.resultFiles().get(0).getPath());
    }

    @Test
    void everyColumnComesBack() {
        ResultRow full = new ResultRow(
                "sub/päth 🦙.parquet",
                1L << 40,
                2,
                "id\u0000日本",
                "naïve 🦙 e\u0301\n",
                "length",
                7,
                9,
                null,
                null,
                1.5,
                0.25,
                1e9,
                3,
                "host:1",
                new int[] {1, -2, Integer.MAX_VALUE},
                "[{\"token\": 1}]",
                "[{\"token\": 2}]",
                "{\"label\": \"ä\"}");
        ResultRow failed = new ResultRow(
                "a",
                0,
                0,
                null,
                null,
                "error",
                0,
                0,
                "prompt_empty",
                "what: \"\" (why)",
                null,
                null,
                null,
                1,
                "h",
                null,
                null,
                null,
                null);
        ResultRow empty = new ResultRow(
                "a", 1, 0, "", "", "stop", 0, 0, null, null, null, null, null, 1, "", new int[0], "", "", "");
        write("w", full, failed, empty, full);
        assertThat(readOnlyFile())
                .usingRecursiveFieldByFieldElementComparator()
                .containsExactly(full, failed, empty, full);
    }

    @Test
    void largeTexts() {
        String large = "🦙x".repeat(350_000);
        List<ResultRow> rows = new ArrayList<>();
        for (int i = 0; i < 20; i++) {
            rows.add(Rows.row(i, i % 3 == 0 ? large : "small"));
        }
        write("w", rows.toArray(ResultRow[]::new));
        List<ResultRow> read = readOnlyFile();
        assertThat(read).hasSize(20);
        for (int i = 0; i < 20; i++) {
            assertThat(read.get(i).text().equals(i % 3 == 0 ? large : "small")).isTrue();
        }
    }

    @Test
    void muchIsWrittenWithoutBeingAsked() {
        String large = "x".repeat(1 << 20);
        try (JournalWriter<ResultRow> results = journal.results("w")) {
            for (int i = 0; i < 20; i++) {
                results.append(Rows.row(i, large));
            }
            assertThat(readOnlyFile())
                    .as("rows of 1 MiB, at most 8 MiB are kept")
                    .hasSizeGreaterThan(12);
        }
        assertThat(readOnlyFile()).hasSize(20);
    }

    @Test
    void manyRowsInManyBatches() {
        try (JournalWriter<ResultRow> results = journal.results("w")) {
            for (int i = 0; i < 30_000; i++) {
                results.append(Rows.row(i));
                if (i % 7000 == 0) {
                    results.flush();
                    results.flush();
                }
            }
        }
        List<ResultRow> read = readOnlyFile();
        assertThat(read).hasSize(30_000);
        for (int i = 0; i < read.size(); i++) {
            assertThat(read.get(i)).isEqualTo(Rows.row(i));
        }
    }

    @Test
    void flushedRowsAreReadableWhileTheWriterGoesOn() {
        try (JournalWriter<ResultRow> results = journal.results("w")) {
            assertThat(journal.resultFiles()).as("no rows, no file").isEmpty();
            results.append(Rows.row(0));
            results.flush();
            assertThat(readOnlyFile()).containsExactly(Rows.row(0));
            results.append(Rows.row(1));
            assertThat(readOnlyFile()).containsExactly(Rows.row(0));
            results.flush();
            assertThat(readOnlyFile()).containsExactly(Rows.row(0), Rows.row(1));
        }
    }

    @Test
    void metrics() {
        MetricsRow cpu = new MetricsRow(
                "e",
                0,
                Instant.ofEpochMilli(1_700_000_000_123L),
                500,
                3,
                4,
                5,
                2,
                6,
                7,
                8.5,
                0.25,
                9,
                10,
                null,
                null,
                null,
                null);
        MetricsRow gpu = new MetricsRow(
                "e", 1, Instant.ofEpochMilli(0), 500, 3, 4, 5, 2, 6, 7, 8.5, 0.25, 9, 10, 0.5, 1L << 37, 412.5, null);
        try (JournalWriter<MetricsRow> metrics = journal.metrics("m")) {
            metrics.append(cpu);
            metrics.append(gpu);
        }
        write("r", Rows.row(0));
        assertThat(journal.metricFiles()).hasSize(1);
        assertThat(journal.resultFiles()).hasSize(1);
        try (JournalReader<MetricsRow> reader =
                Journal.readMetrics(fs, journal.metricFiles().get(0).getPath())) {
            assertThat(reader.next()).isEqualTo(cpu);
            assertThat(reader.next()).isEqualTo(gpu);
            assertThat(reader.hasNext()).isFalse();
            assertThatThrownBy(reader::next).isInstanceOf(NoSuchElementException.class);
        }
    }

    @Test
    void writersNeverTouchFilesThatAreThere() {
        write("w", Rows.row(0));
        write("w", Rows.row(1));
        write("v", Rows.row(2));
        assertThat(journal.resultFiles())
                .extracting(file -> file.getPath().getName())
                .containsExactly("results-v-00000.arrows", "results-w-00000.arrows", "results-w-00001.arrows");
        assertThat(journal.resultFiles())
                .flatExtracting(file -> Rows.rowNumbers(fs, file.getPath()))
                .containsExactly(2L, 0L, 1L);
        assertThatThrownBy(() -> journal.results("../w"))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("writer name: ../w (letters, digits, . _ - only)");
    }

    @Test
    void aRowThatCannotBeWrittenLeavesTheOthers() {
        try (JournalWriter<MetricsRow> metrics = journal.metrics("m")) {
            assertThatThrownBy(() -> metrics.append(null)).isInstanceOf(NullPointerException.class);
            MetricsRow row =
                    new MetricsRow("e", 0, Instant.EPOCH, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, null, null, null, null);
            metrics.append(row);
            assertThatThrownBy(() -> metrics.append(
                            new MetricsRow("e", 0, null, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, null, null, null, null)))
                    .isInstanceOf(NullPointerException.class);
            metrics.append(row);
        }
        try (JournalReader<MetricsRow> reader =
                Journal.readMetrics(fs, journal.metricFiles().get(0).getPath())) {
            assertThat(reader).toIterable().hasSize(2);
        }
    }

    @Test
    void noFolderNoFiles() {
        assertThat(journal.resultFiles()).isEmpty();
        Path missing = new Path(journal.dir(), "results-x-00000.arrows");
        assertThatThrownBy(() -> Journal.read(fs, missing))
                .isInstanceOf(UncheckedIOException.class)
                .hasMessage("cannot open the journal: " + missing);
    }

    @Test
    void afterTheEnd() {
        JournalWriter<ResultRow> results = journal.results("w");
        results.close();
        results.close();
        assertThatThrownBy(() -> results.append(Rows.row(0)))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageStartingWith("journal writer is CLOSED: ");
    }

    @Test
    void otherColumnsAreRefused() {
        try (JournalWriter<MetricsRow> metrics = journal.metrics("m")) {
            metrics.append(
                    new MetricsRow("e", 0, Instant.EPOCH, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, null, null, null, null));
        }
        Path file = journal.metricFiles().get(0).getPath();
        assertThatThrownBy(() -> Rows.readAll(fs, file))
                .isInstanceOf(UserError.class)
                .hasMessage(
                        "journal of another version: %s (its columns are not this version's; finish the job with the"
                                + " version that began it, or start over with --overwrite)",
                        file);
    }

    /** Fails with an error where a truncated file would end. */
    private static final class FailingDisk extends FSInputStream {
        private final byte[] bytes;
        private int at;

        FailingDisk(byte[] bytes) {
            this.bytes = bytes;
        }

        @Override
        public int read() throws IOException {
            if (at == bytes.length) {
                throw new IOException("disk on fire");
            }
            return bytes[at++] & 0xff;
        }

        @Override
        public int read(byte[] target, int offset, int length) throws IOException {
            target[offset] = (byte) read();
            return 1;
        }

        @Override
        public void seek(long position) {
            at = (int) position;
        }

        @Override
        public long getPos() {
            return at;
        }

        @Override
        public boolean seekToNewSource(long target) {
            return false;
        }
    }

    @Test
    void aFailingDiskIsNotTakenForTheEnd() throws IOException {
        write("w", Rows.row(0), Rows.row(1));
        byte[] bytes = Files.readAllBytes(dir.resolve("journal/results-w-00000.arrows"));
        FileSystem failing = new FilterFileSystem(JournalFileSystem.raw(fs)) {
            @Override
            public FSDataInputStream open(Path file, int bufferBytes) {
                return new FSDataInputStream(new FailingDisk(Arrays.copyOf(bytes, bytes.length - 40)));
            }
        };
        Path file = new Path(journal.dir(), "results-w-00000.arrows");
        assertThatThrownBy(() -> Rows.readAll(failing, file))
                .isInstanceOf(UncheckedIOException.class)
                .hasMessage("cannot read the journal: " + file)
                .hasRootCauseMessage("disk on fire");
    }
}
