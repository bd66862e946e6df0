package nighttrain.io.journal;

import java.util.List;
import nighttrain.io.table.MetricsRow;
import nighttrain.io.table.ResultRow;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;

/** The folder in which a job's tasks keep finished rows until the results are committed. */
public record Journal(FileSystem fs, Path dir) {
    /** A writer of finished rows; {@code writerName} tells writers of the same time apart. It never touches existing files. */
    public JournalWriter<ResultRow> results(String writerName) {
        throw new UnsupportedOperationException("not yet");
    }

    /** A writer of engine counters. */
    public JournalWriter<MetricsRow> metrics(String writerName) {
        throw new UnsupportedOperationException("not yet");
    }

    /** Files with finished rows, by name; none where the folder does not exist. */
    public List<FileStatus> resultFiles() {
        throw new UnsupportedOperationException("not yet");
    }

    /** Files with engine counters, by name; none where the folder does not exist. */
    public List<FileStatus> metricFiles() {
        throw new UnsupportedOperationException("not yet");
    }

    /** The rows of one of {@link #resultFiles}. */
    public static JournalReader<ResultRow> read(FileSystem fs, Path file) {
        throw new UnsupportedOperationException("not yet");
    }

    /** The rows of one of {@link #metricFiles}. */
    public static JournalReader<MetricsRow> readMetrics(FileSystem fs, Path file) {
        throw new UnsupportedOperationException("not yet");
    }
}
