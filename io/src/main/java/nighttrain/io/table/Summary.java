package nighttrain.io.table;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import nighttrain.io.UserError;

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
 * @param batch the most sequences in a step, and why, where the engine chose, and what it could not do as asked; empty for neither
 * @param architecture as in the engine's plan
 * @param modelFingerprint of the checkpoint
 * @param incidents what went wrong on the way
 * @param labels what labels came to, where the job gave some
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
        String batch,
        String architecture,
        String modelFingerprint,
        Incidents incidents,
        Optional<ObjectNode> labels,
        Optional<Prediction> planned,
        Map<String, String> versions,
        Map<String, String> settings) {
    public Summary {
        if (errors < 0 || errors > rows) {
            throw new IllegalArgumentException("errors: " + errors + " (0 to rows, " + rows + ")");
        }
        versions = Collections.unmodifiableMap(new LinkedHashMap<>(versions));
        settings = Collections.unmodifiableMap(new LinkedHashMap<>(settings));
    }

    /** The same of a job with these settings. */
    public Summary with(Map<String, String> others) {
        return new Summary(
                rows,
                errors,
                wallS,
                promptTokens,
                outputTokens,
                throughput,
                saved,
                ttftMs,
                tpotMs,
                e2eMs,
                commShare,
                layout,
                batch,
                architecture,
                modelFingerprint,
                incidents,
                labels,
                planned,
                versions,
                others);
    }

    /** Prompt and output tokens of all rows. */
    public long totalTokens() {
        return promptTokens + outputTokens;
    }

    /**
     * What went wrong on a job's way, and did it no harm.
     *
     * @param executorsLost executors that died during the run that wrote the summary
     * @param tasksFailed attempts of tasks that failed during that run, with their executor or by themselves
     * @param rowsRetried rows of the results that had to be begun more than once
     * @param rowsQuarantined rows of the results that ended what computed them, and were given up: they count as errors
     */
    public record Incidents(long executorsLost, long tasksFailed, long rowsRetried, long rowsQuarantined) {
        /** Nothing did. */
        public static final Incidents NONE = new Incidents(0, 0, 0, 0);

        /** {@code error} of rows that are quarantined. */
        public static final String QUARANTINED = "quarantined";
    }

    /**
     * What a plan says of a run before it begins, to be held against what that comes to.
     *
     * @param outputTokens of all rows
     * @param outputTokensPerS while generating
     * @param wallS duration of the run, in seconds
     */
    public record Prediction(long outputTokens, double outputTokensPerS, double wallS) {
        /** Keys that tell a plan from other files. */
        private static final List<String> OTHERS =
                List.of("model_fingerprint", "layout", "rows", "prompt_tokens", "generating_s");

        /**
         * That of a file that {@code plan --json} wrote.
         *
         * @throws UserError where it is not there, or no plan
         */
        public static Prediction read(String file) {
            try {
                JsonNode plan = new ObjectMapper().readTree(Files.readString(Path.of(file)));
                OTHERS.forEach(plan::required);
                return new Prediction(
                        plan.required("output_tokens").asLong(),
                        plan.required("output_tokens_per_s").asDouble(),
                        plan.required("wall_s").asDouble());
            } catch (IOException | IllegalArgumentException e) {
                throw UserError.of(
                        "cannot read the plan", file, "a file of nighttrain plan --json is needed; check --plan", e);
            }
        }
    }

    /**
     * What a job did not have to compute.
     *
     * @param cachedPromptTokens prompt tokens whose keys and values another request had left in the engine's cache
     * @param copiedRows rows that got the result of an identical request
     * @param copiedTokens prompt and output tokens of these
     */
    public record Saved(long cachedPromptTokens, long copiedRows, long copiedTokens) {}

    /**
     * Tokens per second of the run that wrote the summary (a resumed run counts only what it computed itself).
     *
     * @param promptTokensPerS prompt tokens per second
     * @param outputTokensPerS output tokens per second
     * @param generatingS from the first task to the last journaled row, in seconds, over which tokens are counted; 0 where a summary of
     *     0.1.0 does not say
     * @param gpus GPUs used; 0 on CPUs
     */
    public record Throughput(double promptTokensPerS, double outputTokensPerS, double generatingS, int gpus) {
        /** The rates of so many tokens in so many seconds; 0 where no time passed. */
        public static Throughput of(long promptTokens, long outputTokens, double seconds, int gpus) {
            double perToken = seconds > 0 ? 1 / seconds : 0;
            return new Throughput(promptTokens * perToken, outputTokens * perToken, seconds, gpus);
        }

        public double totalTokensPerS() {
            return promptTokensPerS + outputTokensPerS;
        }
    }
}
