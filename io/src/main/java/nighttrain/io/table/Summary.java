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
 * The content of {@code summary.json} for a finished job.
 *
 * @param rows result rows, failed ones included
 * @param errors failed rows
 * @param wallS duration of the run, in seconds
 * @param promptTokens prompt tokens of all rows
 * @param outputTokens output tokens of all rows
 * @param throughput rates of this run
 * @param saved tokens and rows that were not computed
 * @param ttftMs time from submission to the first token, in ms
 * @param tpotMs time per token after the first, in ms
 * @param e2eMs time from submission to the last token, in ms
 * @param commShare share of step time in which ranks waited for all-reduces, 0 to 1
 * @param layout replicas x ranks
 * @param batch most sequences in a step and the reason, where the engine chose, and any request that it could not meet; empty for neither
 * @param architecture architecture as in the engine's plan
 * @param modelFingerprint fingerprint of the checkpoint
 * @param incidents failures that the job survived
 * @param labels counts and scores of labels, where the job gave some
 * @param planned forecast of a plan for this run, where there was one
 * @param versions versions of Night Train, Spark, Java, ..., in the order given
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

    /** Returns the same summary for a job with these settings. */
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
     * Failures that a job survived.
     *
     * @param executorsLost executors that died during the run that wrote the summary
     * @param tasksFailed attempts of tasks that failed during that run, with their executor or by themselves
     * @param rowsRetried rows of the results that were started more than once
     * @param rowsQuarantined rows of the results that crashed their executor and were given up: they count as errors
     */
    public record Incidents(long executorsLost, long tasksFailed, long rowsRetried, long rowsQuarantined) {
        /** No failures. */
        public static final Incidents NONE = new Incidents(0, 0, 0, 0);

        /** Value of {@code error} for quarantined rows. */
        public static final String QUARANTINED = "quarantined";
    }

    /**
     * The forecast of a plan for a run, to be compared with the run.
     *
     * @param outputTokens output tokens of all rows
     * @param outputTokensPerS output tokens per second while generating
     * @param wallS duration of the run, in seconds
     */
    public record Prediction(long outputTokens, double outputTokensPerS, double wallS) {
        /** Keys that distinguish a plan from other files. */
        private static final List<String> OTHERS =
                List.of("model_fingerprint", "layout", "rows", "prompt_tokens", "generating_s");

        /**
         * Reads the forecast from a file that {@code plan --json} wrote.
         *
         * @throws UserError where the file is missing or not a plan
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
     * The part of a job that did not have to be computed.
     *
     * @param cachedPromptTokens prompt tokens whose keys and values another request had left in the engine's cache
     * @param copiedRows rows that received the result of an identical request
     * @param copiedTokens prompt and output tokens of the copied rows
     */
    public record Saved(long cachedPromptTokens, long copiedRows, long copiedTokens) {}

    /**
     * Tokens per second of the run that wrote the summary (a resumed run counts only what it computed itself).
     *
     * @param promptTokensPerS prompt tokens per second
     * @param outputTokensPerS output tokens per second
     * @param generatingS seconds from the first task to the last journaled row, over which tokens are counted; 0 where a summary of 0.1.0 lacks it
     * @param gpus GPUs used; 0 on CPUs
     */
    public record Throughput(double promptTokensPerS, double outputTokensPerS, double generatingS, int gpus) {
        /** Returns the rates of these tokens over {@code seconds}; 0 where no time passed. */
        public static Throughput of(long promptTokens, long outputTokens, double seconds, int gpus) {
            double perToken = seconds > 0 ? 1 / seconds : 0;
            return new Throughput(promptTokens * perToken, outputTokens * perToken, seconds, gpus);
        }

        public double totalTokensPerS() {
            return promptTokensPerS + outputTokensPerS;
        }
    }
}
