package nighttrain.io.journal;

import java.time.Duration;
import java.util.List;
import nighttrain.io.journal.ArrowJournalWriter.RollingFiles;
import nighttrain.io.rows.MetricsRow;
import nighttrain.io.rows.ResultRow;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;

/**
 * The folder in which a job's tasks keep finished rows until the results are committed: Arrow IPC streams, which are readable
 * up to their last whole record batch however their writer ended.
 */
public record Journal(FileSystem fs, Path dir) {
    /**
     * How long flushes are put off where each of them ends a file. Until then (or 8192 rows, or 8 MiB) a kill loses what a
     * task finished; more often, and a night's journal is too many files to read back soon.
     */
    static final Duration ROLL_INTERVAL = Duration.ofSeconds(10);

    /** The same for engine counters, of which little is lost. */
    static final Duration METRICS_ROLL_INTERVAL = Duration.ofMinutes(1);

    /**
     * A writer of finished rows. It never touches existing files.
     *
     * @param writerName tells writers apart: letters, digits, {@code . _ -}
     */
    public JournalWriter<ResultRow> results(String writerName) {
        return writer(writerName, RowFormat.RESULTS, ROLL_INTERVAL);
    }

    /**
     * As {@link #results}, but rows are written and flushed, some milliseconds after they came, by another thread: a slow file
     * system then holds nobody up.
     */
    public JournalWriter<ResultRow> resultsInBackground(String writerName) {
        return new BackgroundJournalWriter<>(results(writerName), RowFormat.RESULTS, writerName);
    }

    /** A writer of engine counters; {@code writerName} as in {@link #results}. */
    public JournalWriter<MetricsRow> metrics(String writerName) {
        return writer(writerName, RowFormat.METRICS, METRICS_ROLL_INTERVAL);
    }

    private <T extends Record> JournalWriter<T> writer(String writerName, RowFormat<T> format, Duration rollInterval) {
        return new ArrowJournalWriter<>(
                new RollingFiles(fs, dir, format.prefix(), writerName), format, rollInterval, System::nanoTime);
    }

    /** Files with finished rows, by name; none where the folder does not exist. */
    public List<FileStatus> resultFiles() {
        return JournalFileSystem.list(fs, dir, RowFormat.RESULTS.prefix());
    }

    /** Files with engine counters, by name; none where the folder does not exist. */
    public List<FileStatus> metricFiles() {
        return JournalFileSystem.list(fs, dir, RowFormat.METRICS.prefix());
    }

    /** The rows of one of {@link #resultFiles}. */
    public static JournalReader<ResultRow> read(FileSystem fs, Path file) {
        return new JournalReader<>(fs, file, RowFormat.RESULTS);
    }

    /** The rows of one of {@link #metricFiles}. */
    public static JournalReader<MetricsRow> readMetrics(FileSystem fs, Path file) {
        return new JournalReader<>(fs, file, RowFormat.METRICS);
    }
}
