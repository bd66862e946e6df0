package nighttrain.jobs;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import nighttrain.io.journal.AttemptLog;
import nighttrain.io.journal.Journal;
import nighttrain.io.journal.JournalReader;
import nighttrain.io.rows.ResultRow;
import nighttrain.pipeline.job.JobFolder;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileStatus;

/** Reads a job's journal from outside, as the next run will. */
final class JournalView {
    private final Journal journal;

    /** Position of a result row in the input. */
    record Key(String file, long row, int sample) {}

    JournalView(Path output) {
        this.journal =
                JobFolder.of(output.toUri().toString(), new Configuration()).journal();
    }

    /** Returns the finished rows by journal file, without those that a killed writer had not flushed. */
    Map<String, List<Key>> rowsByFile() {
        Map<String, List<Key>> rows = new HashMap<>();
        for (FileStatus file : journal.resultFiles()) {
            List<Key> keys = rows.computeIfAbsent(file.getPath().getName(), name -> new ArrayList<>());
            try (JournalReader<ResultRow> reader = Journal.read(journal.fs(), file.getPath())) {
                reader.forEachRemaining(row -> keys.add(new Key(row.file(), row.row(), row.sample())));
            }
        }
        return rows;
    }

    /** Returns whether rows are in flight, or were when their process ended. */
    boolean hasRowsInFlight() {
        return !AttemptLog.files(journal, "").isEmpty();
    }

    long rows() {
        return rowsByFile().values().stream().mapToLong(List::size).sum();
    }
}
