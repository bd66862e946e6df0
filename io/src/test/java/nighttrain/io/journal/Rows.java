package nighttrain.io.journal;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import nighttrain.io.rows.ResultRow;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;

/** Makes rows to write and reads them back. */
final class Rows {
    private Rows() {}

    static FileSystem localFileSystem() throws IOException {
        return FileSystem.getLocal(new Configuration());
    }

    static ResultRow row(long row) {
        return row(row, "text " + row);
    }

    static ResultRow row(long row, String text) {
        return new ResultRow(
                "part-0.parquet",
                row,
                0,
                "id-" + row,
                text,
                "stop",
                3,
                5,
                null,
                null,
                1.5,
                0.25,
                row * 0.125,
                1,
                "executor-1",
                null,
                null,
                null,
                null);
    }

    static List<ResultRow> readAll(FileSystem fs, Path file) {
        List<ResultRow> rows = new ArrayList<>();
        try (JournalReader<ResultRow> reader = Journal.read(fs, file)) {
            reader.forEachRemaining(rows::add);
        }
        return rows;
    }

    static List<Long> rowNumbers(FileSystem fs, Path file) {
        return readAll(fs, file).stream().map(ResultRow::row).toList();
    }
}
