package nighttrain.io.table;

import java.util.Map;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;

/**
 * What {@code summary.json} says of a finished job.
 *
 * @param rows result rows, failed ones included
 * @param errors failed rows
 * @param wallS duration of the run, in seconds
 * @param promptTokens prompt tokens of all rows
 * @param outputTokens output tokens of all rows
 * @param throughput rates of this run
 * @param ttftMs submission to first token, in ms
 * @param tpotMs time per token after the first, in ms
 * @param e2eMs submission to last token, in ms
 * @param commShare share of step time that ranks waited for one another, 0 to 1
 * @param layout replicas x ranks
 * @param architecture as in the engine's plan
 * @param modelFingerprint of the checkpoint
 * @param versions of Night Train, Spark, Java, ...
 * @param settings every setting, defaults included
 */
public record Summary(
        long rows,
        long errors,
        double wallS,
        long promptTokens,
        long outputTokens,
        Throughput throughput,
        Percentiles ttftMs,
        Percentiles tpotMs,
        Percentiles e2eMs,
        double commShare,
        String layout,
        String architecture,
        String modelFingerprint,
        Map<String, String> versions,
        Map<String, String> settings) {

    /** Writes {@code file} whole or not at all: to a temporary name first, then renamed over what was there. */
    public void write(FileSystem fs, Path file) {
        throw new UnsupportedOperationException("not yet");
    }

    /** Reads what {@link #write} wrote. */
    public static Summary read(FileSystem fs, Path file) {
        throw new UnsupportedOperationException("not yet");
    }
}
