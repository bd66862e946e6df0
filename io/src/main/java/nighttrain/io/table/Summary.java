package nighttrain.io.table;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import nighttrain.io.JsonFile;
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
 * @param saved what was answered without being computed
 * @param ttftMs submission to first token, in ms
 * @param tpotMs time per token after the first, in ms
 * @param e2eMs submission to last token, in ms
 * @param commShare share of step time that ranks waited for one another, 0 to 1
 * @param layout replicas x ranks
 * @param architecture as in the engine's plan
 * @param modelFingerprint of the checkpoint
 * @param incidents what went wrong on the way
 * @param planned what a plan had said of this run, where there was one
 * @param versions of Night Train, Spark, Java, ..., in the order given
 * @param settings every setting, defaults included, in the order given; a value may be null
 */
public record Summary(
        long rows,
        long errors,
        double wallS,
        long promptTokens,
        long outputTokens,
        Throughput throughput,
        Saved saved,
        Percentiles ttftMs,
        Percentiles tpotMs,
        Percentiles e2eMs,
        double commShare,
        String layout,
        String architecture,
        String modelFingerprint,
        Incidents incidents,
        Optional<Prediction> planned,
        Map<String, String> versions,
        Map<String, String> settings) {
    private static final ObjectMapper MAPPER = new ObjectMapper().enable(SerializationFeature.INDENT_OUTPUT);

    public Summary {
        if (errors < 0 || errors > rows) {
            throw new IllegalArgumentException("errors: " + errors + " (0 to rows, " + rows + ")");
        }
        versions = Collections.unmodifiableMap(new LinkedHashMap<>(versions));
        settings = Collections.unmodifiableMap(new LinkedHashMap<>(settings));
    }

    /** Prompt and output tokens of all rows. */
    public long totalTokens() {
        return promptTokens + outputTokens;
    }

    /**
     * Writes {@code file} whole or not at all: to a temporary name beside it first, then renamed.
     *
     * @throws UncheckedIOException where the file system fails
     */
    public void write(FileSystem fs, Path file) {
        try {
            WholeFile.write(fs, file, MAPPER.writeValueAsBytes(SummaryJson.write(this)));
        } catch (IOException e) {
            throw new UncheckedIOException("cannot write " + file, e);
        }
    }

    /**
     * Reads what {@link #write} wrote.
     *
     * @throws nighttrain.io.UserError where the file is damaged
     * @throws UncheckedIOException where it is missing or the file system fails
     */
    public static Summary read(FileSystem fs, Path file) {
        try (InputStream in = fs.open(file)) {
            return SummaryJson.read(JsonFile.parse(in.readAllBytes(), file.toString()));
        } catch (IOException e) {
            throw new UncheckedIOException("cannot read " + file, e);
        }
    }
}
