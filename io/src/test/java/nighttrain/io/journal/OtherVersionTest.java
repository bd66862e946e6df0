package nighttrain.io.journal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.net.URISyntaxException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import nighttrain.io.UserError;
import nighttrain.io.journal.ArrowJournalWriter.RollingFiles;
import nighttrain.io.rows.MetricsRow;
import nighttrain.io.rows.ResultRow;
import nighttrain.io.rows.RowType;
import nighttrain.io.rows.RowType.Column;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Reads journals of versions with other columns. */
class OtherVersionTest {
    @TempDir
    java.nio.file.Path dir;

    private FileSystem fs;

    /** A row of an early version. */
    public record Early(String name, int count) {}

    /** A row of a later version, with two more columns. */
    public record Late(String name, int count, Double share, int[] ids) {}

    /** A row of a later version, which requires the new column. */
    public record Strict(String name, int count, long needed) {}

    /** A row of a later version, in which a column has another type. */
    public record Retyped(String name, double count) {}

    @BeforeEach
    void openFileSystem() throws IOException {
        fs = Rows.localFileSystem();
    }

    @Test
    void resultsOfVersion010AreReadable() {
        List<ResultRow> rows = read(RowFormat.RESULTS, kept("results-kept-00000.arrows"));
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
                null);
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
        assertThat(rows).usingRecursiveFieldByFieldElementComparator().containsExactly(full, failed, Rows.row(5));
    }

    @Test
    void metricsOfVersion010AreReadable() {
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
                "e", 1, Instant.ofEpochMilli(0), 501, 3, 4, 5, 2, 6, 7, 8.5, 0.25, 9, 10, 0.5, 1L << 37, 412.5, null);
        assertThat(read(RowFormat.METRICS, kept("metrics-kept-00000.arrows"))).containsExactly(cpu, gpu);
    }

    @Test
    void columnsAreNamedAsUsersKnowThem() {
        assertThat(ResultRow.TYPE.columns())
                .extracting(Column::name)
                .containsExactly(
                        "file",
                        "row",
                        "sample",
                        "id",
                        "text",
                        "finish_reason",
                        "prompt_tokens",
                        "output_tokens",
                        "error",
                        "error_message",
                        "ttft_ms",
                        "tpot_ms",
                        "e2e_ms",
                        "attempts",
                        "executor",
                        "token_ids",
                        "logprobs",
                        "prompt_logprobs",
                        "answer");
    }

    @Test
    void aColumnThatAnEarlierVersionLacksIsNull() {
        Path file = write(format(Early.class), new Early("a", 1), new Early("b", 2));
        assertThat(read(format(Late.class), file))
                .containsExactly(new Late("a", 1, null, null), new Late("b", 2, null, null));
    }

    @Test
    void aFileThatWouldBeMisreadIsRefused() {
        Path early = write(format(Early.class), new Early("a", 1));
        refuses(format(Strict.class), early);
        refuses(format(Retyped.class), early);
        Path late = write(format(Late.class), new Late("a", 1, 0.5, new int[] {1}));
        refuses(format(Early.class), late);
    }

    private void refuses(RowFormat<?> format, Path file) {
        assertThatThrownBy(() -> read(format, file))
                .isInstanceOf(UserError.class)
                .hasMessageStartingWith("journal of another version: " + file);
    }

    private static <T extends Record> RowFormat<T> format(Class<T> rows) {
        return new RowFormat<>("test-", RowType.of(rows));
    }

    @SafeVarargs
    private <T extends Record> Path write(RowFormat<T> format, T... rows) {
        String writer = rows[0].getClass().getSimpleName();
        Path folder = new Path(dir.toUri());
        RollingFiles files = new RollingFiles(fs, folder, format.prefix(), writer);
        try (JournalWriter<T> journal = new ArrowJournalWriter<>(files, format, Duration.ZERO, System::nanoTime)) {
            List.of(rows).forEach(journal::append);
        }
        return new Path(folder, format.prefix() + writer + "-00000.arrows");
    }

    private <T extends Record> List<T> read(RowFormat<T> format, Path file) {
        List<T> rows = new ArrayList<>();
        try (JournalReader<T> reader = new JournalReader<>(fs, file, format)) {
            reader.forEachRemaining(rows::add);
        }
        return rows;
    }

    private static Path kept(String name) {
        try {
            return new Path(OtherVersionTest.class
                    .getResource("/written-by-0.1.0/" + name)
                    .toURI());
        } catch (URISyntaxException e) {
            throw new IllegalStateException(e);
        }
    }
}
