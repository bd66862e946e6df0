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
     * How long flushes are deferred where each of them ends a file. A kill loses what a task finished within this time (or 8192 rows, or 8 MiB); with
     * a shorter time a long job's journal would have too many files to read back quickly.
     */
    static final Duration ROLL_INTERVAL = Duration.ofSeconds(10);

    /** The same for engine counters, whose loss costs little. */
    static final Duration METRICS_ROLL_INTERVAL = Duration.ofMinutes(1);

    /**
     * Returns a writer of finished rows. It never modifies existing files.
     *
     * @param writerName distinguishes writers: letters, digits, {@code . _ -}
     */
    public JournalWriter<ResultRow> results(String writerName) {
        return writer(writerName, RowFormat.RESULTS, ROLL_INTERVAL);
    }

    /**
     * Like {@link #results}, but another thread writes and flushes the rows, some milliseconds after they arrive: a slow file system then delays no
     * caller.
     */
    public JournalWriter<ResultRow> resultsInBackground(String writerName) {
        return new BackgroundJournalWriter<>(results(writerName), RowFormat.RESULTS, writerName);
    }

    /** Returns a writer of engine counters; {@code writerName} as in {@link #results}. */
    public JournalWriter<MetricsRow> metrics(String writerName) {
        return writer(writerName, RowFormat.METRICS, METRICS_ROLL_INTERVAL);
    }

    private <T extends Record> JournalWriter<T> writer(String writerName, RowFormat<T> format, Duration rollInterval) {
        return new ArrowJournalWriter<>(
                new RollingFiles(fs, dir, format.prefix(), writerName), format, rollInterval, System::nanoTime);
    }

    /** Returns the files with finished rows, by name; none where the folder does not exist. */
    public List<FileStatus> resultFiles() {
        return JournalFileSystem.list(fs, dir, RowFormat.RESULTS.prefix());
    }

    /** Returns the files with engine counters, by name; none where the folder does not exist. */
    public List<FileStatus> metricFiles() {
        return JournalFileSystem.list(fs, dir, RowFormat.METRICS.prefix());
    }

    /** Reads the rows of one of {@link #resultFiles}. */
    public static JournalReader<ResultRow> read(FileSystem fs, Path file) {
        return new JournalReader<>(fs, file, RowFormat.RESULTS);
    }

    /** Reads the rows of one of {@link #metricFiles}. */
    public static JournalReader<MetricsRow> readMetrics(FileSystem fs, Path file) {
        return new JournalReader<>(fs, file, RowFormat.METRICS);
    }
}
