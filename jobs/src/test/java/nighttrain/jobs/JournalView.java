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

/** What the journal of a job holds, seen from outside, as the next run will see it. */
final class JournalView {
    private final Journal journal;

    /** A result row's place in the input. */
    record Key(String file, long row, int sample) {}

    JournalView(Path output) {
        this.journal =
                JobFolder.of(output.toUri().toString(), new Configuration()).journal();
    }

    /** Finished rows by journal file; what a killed writer had not flushed is not there. */
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

    /** Whether some are being computed, or were when their process ended. */
    boolean hasRowsInFlight() {
        return !AttemptLog.files(journal, "").isEmpty();
    }

    long rows() {
        return rowsByFile().values().stream().mapToLong(List::size).sum();
    }
}
