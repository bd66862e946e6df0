package nighttrain.io.journal;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import nighttrain.io.rows.ResultRow;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Checks that a file truncated at any byte gives the rows of its whole batches, does not throw, and adds no rows. */
class TornJournalTest {
    @TempDir
    java.nio.file.Path dir;

    @Test
    void anyLength() throws IOException {
        FileSystem fs = Rows.localFileSystem();
        Journal journal = new Journal(fs, new Path(dir.toUri()));
        java.nio.file.Path file = dir.resolve("results-w-00000.arrows");
        List<Long> batchEnds = new ArrayList<>();
        try (JournalWriter<ResultRow> results = journal.results("w")) {
            for (int batch = 0; batch < 3; batch++) {
                for (int i = 0; i < 2; i++) {
                    results.append(Rows.row(batch * 2 + i));
                }
                results.flush();
                batchEnds.add(Files.size(file));
            }
        }
        byte[] bytes = Files.readAllBytes(file);
        java.nio.file.Path torn = dir.resolve("torn");
        // Tries every length within the last batch and after it. Before that the step of 13 bytes reaches every part of
        // a message.
        for (int length = 0; length <= bytes.length; length += length < batchEnds.get(1) ? 13 : 1) {
            Files.write(torn, Arrays.copyOf(bytes, length));
            int at = length;
            long whole = batchEnds.stream().filter(end -> end <= at).count();
            assertThat(Rows.readAll(fs, new Path(torn.toUri())))
                    .as("length %d", length)
                    .isEqualTo(expected((int) whole * 2));
        }
        assertThat(batchEnds.get(2)).isLessThan(bytes.length);
    }

    private static List<ResultRow> expected(int rows) {
        List<ResultRow> expected = new ArrayList<>();
        for (int i = 0; i < rows; i++) {
            expected.add(Rows.row(i));
        }
        return expected;
    }
}
