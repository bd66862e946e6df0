package nighttrain.pipeline.stores;

import java.io.IOException;
import nighttrain.io.journal.Journal;
import nighttrain.io.journal.JournalWriter;
import nighttrain.io.rows.ResultRow;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;

/** Main class of a process that journals a row every millisecond until it is killed, and prints the number of each row. */
final class JournalChild {
    private JournalChild() {}

    /** Arguments: {@code FOLDER [conf key, value]...}. */
    public static void main(String[] arguments) throws IOException, InterruptedException {
        Configuration conf = new Configuration();
        for (int i = 1; i < arguments.length; i += 2) {
            conf.set(arguments[i], arguments[i + 1]);
        }
        Path folder = new Path(arguments[0]);
        Journal journal = new Journal(folder.getFileSystem(conf), folder);
        try (JournalWriter<ResultRow> writer = journal.resultsInBackground("child")) {
            for (long row = 0; row < Long.MAX_VALUE; row++) {
                writer.append(row(row));
                System.out.println(row);
                Thread.sleep(1);
            }
        }
    }

    private static ResultRow row(long row) {
        return new ResultRow(
                "f",
                row,
                0,
                "id " + row,
                "text",
                "stop",
                1,
                1,
                null,
                null,
                1.0,
                1.0,
                1.0,
                1,
                "e",
                null,
                null,
                null,
                null);
    }
}
