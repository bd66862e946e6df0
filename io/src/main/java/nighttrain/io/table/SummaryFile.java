package nighttrain.io.table;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import nighttrain.io.JsonFile;
import nighttrain.io.table.Summary.Incidents;
import nighttrain.io.table.Summary.Prediction;
import nighttrain.io.table.Summary.Saved;
import nighttrain.io.table.Summary.Throughput;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;

/** {@code summary.json}: its keys, in the order in which they are written. */
public final class SummaryFile {
    private static final ObjectMapper MAPPER = new ObjectMapper().enable(SerializationFeature.INDENT_OUTPUT);

    private static final String OUTPUT_TOKENS = "output_tokens";
    private static final String OUTPUT_TOKENS_PER_S = "output_tokens_per_s";
    private static final String WALL_S = "wall_s";
    private static final String PREDICTED = "predicted";
    private static final String LABELS = "labels";

    private SummaryFile() {}

    /**
     * Writes {@code file} atomically: to a temporary name in the same folder first, then renamed.
     *
     * @throws UncheckedIOException where the file system fails
     */
    public static void write(FileSystem fs, Path file, Summary summary) {
        try {
            WholeFile.write(fs, file, MAPPER.writeValueAsBytes(json(summary)));
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
            return summary(JsonFile.parse(in.readAllBytes(), file.toString()));
        } catch (IOException e) {
            throw new UncheckedIOException("cannot read " + file, e);
        }
    }

    private static ObjectNode json(Summary summary) {
        ObjectNode json = JsonNodeFactory.instance.objectNode();
        json.put("rows", summary.rows());
        json.put("errors", summary.errors());
        json.put("wall_s", summary.wallS());
        json.put("generating_s", summary.throughput().generatingS());
        json.put("prompt_tokens", summary.promptTokens());
        json.put("output_tokens", summary.outputTokens());
        json.put("total_tokens", summary.totalTokens());
        Throughput throughput = summary.throughput();
        json.put("gpus", throughput.gpus());
        putRate(json, "prompt_tokens", throughput, throughput.promptTokensPerS());
        putRate(json, "output_tokens", throughput, throughput.outputTokensPerS());
        putRate(json, "total_tokens", throughput, throughput.totalTokensPerS());
        Saved saved = summary.saved();
        json.put("cached_prompt_tokens", saved.cachedPromptTokens());
        json.put("copied_rows", saved.copiedRows());
        json.put("copied_tokens", saved.copiedTokens());
        json.set("ttft_ms", percentiles(summary.ttftMs()));
        json.set("tpot_ms", percentiles(summary.tpotMs()));
        json.set("e2e_ms", percentiles(summary.e2eMs()));
        json.put("comm_share", summary.commShare());
        json.put("layout", summary.layout());
        json.put("batch", summary.batch());
        json.put("architecture", summary.architecture());
        json.put("model_fingerprint", summary.modelFingerprint());
        json.set("incidents", incidents(summary.incidents()));
        summary.labels().ifPresent(labels -> json.set(LABELS, labels));
        summary.planned().ifPresent(planned -> json.set("plan", plan(planned, summary)));
        json.set("versions", texts(summary.versions()));
        json.set("settings", texts(summary.settings()));
        return json;
    }

    private static void putRate(ObjectNode json, String what, Throughput throughput, double rate) {
        json.put(what + "_per_s", rate);
        if (throughput.gpus() > 0) {
            json.put(what + "_per_s_per_gpu", rate / throughput.gpus());
        } else {
            json.putNull(what + "_per_s_per_gpu");
        }
    }

    private static ObjectNode percentiles(Percentiles percentiles) {
        return JsonNodeFactory.instance
                .objectNode()
                .put("p50", percentiles.p50())
                .put("p90", percentiles.p90())
                .put("p99", percentiles.p99());
    }

    private static ObjectNode incidents(Incidents incidents) {
        return JsonNodeFactory.instance
                .objectNode()
                .put("executors_lost", incidents.executorsLost())
                .put("tasks_failed", incidents.tasksFailed())
                .put("rows_retried", incidents.rowsRetried())
                .put("rows_quarantined", incidents.rowsQuarantined());
    }

    /** Returns the forecast beside the actual figures. */
    private static ObjectNode plan(Prediction planned, Summary summary) {
        ObjectNode json = JsonNodeFactory.instance.objectNode();
        putBoth(json, OUTPUT_TOKENS, planned.outputTokens(), summary.outputTokens());
        putBoth(
                json,
                OUTPUT_TOKENS_PER_S,
                planned.outputTokensPerS(),
                summary.throughput().outputTokensPerS());
        putBoth(json, WALL_S, planned.wallS(), summary.wallS());
        return json;
    }

    private static void putBoth(ObjectNode json, String what, double predicted, double actual) {
        double ratio = predicted / actual;
        json.putObject(what)
                .put(PREDICTED, predicted)
                .put("actual", actual)
                .put("ratio", Double.isFinite(ratio) ? (Double) ratio : null); // label jobs have no output tokens
    }

    private static Optional<Prediction> planned(JsonNode json) {
        return json.isMissingNode()
                ? Optional.empty()
                : Optional.of(new Prediction(
                        json.required(OUTPUT_TOKENS).required(PREDICTED).asLong(),
                        json.required(OUTPUT_TOKENS_PER_S).required(PREDICTED).asDouble(),
                        json.required(WALL_S).required(PREDICTED).asDouble()));
    }

    private static Incidents incidents(JsonNode json) {
        return new Incidents(
                json.required("executors_lost").asLong(),
                json.required("tasks_failed").asLong(),
                json.required("rows_retried").asLong(),
                json.required("rows_quarantined").asLong());
    }

    private static ObjectNode texts(Map<String, String> texts) {
        ObjectNode json = JsonNodeFactory.instance.objectNode();
        texts.forEach(json::put);
        return json;
    }

    private static Summary summary(JsonNode json) {
        return new Summary(
                json.required("rows").asLong(),
                json.required("errors").asLong(),
                json.required("wall_s").asDouble(),
                json.required("prompt_tokens").asLong(),
                json.required("output_tokens").asLong(),
                new Throughput(
                        json.required("prompt_tokens_per_s").asDouble(),
                        json.required("output_tokens_per_s").asDouble(),
                        json.path("generating_s").asDouble(),
                        json.required("gpus").asInt()),
                new Saved(
                        json.required("cached_prompt_tokens").asLong(),
                        json.required("copied_rows").asLong(),
                        json.required("copied_tokens").asLong()),
                percentiles(json.required("ttft_ms")),
                percentiles(json.required("tpot_ms")),
                percentiles(json.required("e2e_ms")),
                json.required("comm_share").asDouble(),
                json.required("layout").asText(),
                json.path("batch").asText(), // summaries of 0.1.0 lack it, like generating_s
                json.required("architecture").asText(),
                json.required("model_fingerprint").asText(),
                incidents(json.required("incidents")),
                Optional.ofNullable((ObjectNode) json.get(LABELS)),
                planned(json.path("plan")),
                texts(json.required("versions")),
                texts(json.required("settings")));
    }

    private static Percentiles percentiles(JsonNode json) {
        return new Percentiles(number(json, "p50"), number(json, "p90"), number(json, "p99"));
    }

    private static Double number(JsonNode json, String key) {
        return json.hasNonNull(key) ? json.get(key).asDouble() : null;
    }

    private static Map<String, String> texts(JsonNode json) {
        Map<String, String> texts = new LinkedHashMap<>();
        json.fields().forEachRemaining(entry -> texts.put(entry.getKey(), nullableText(entry.getValue())));
        return texts;
    }

    private static String nullableText(JsonNode json) {
        return json.isNull() ? null : json.asText();
    }
}
