package nighttrain.pipeline.plan;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import nighttrain.io.table.Planned;

/**
 * What a plan says of the run that follows it, to be held against what that came to.
 *
 * @param modelFingerprint of the model that was planned with
 * @param layout of a node
 * @param rows of the job
 * @param promptTokens of all rows
 * @param outputTokens of all rows
 * @param outputTokensPerS while generating
 * @param generatingS seconds of that
 * @param wallS seconds of the run
 */
public record Prediction(
        String modelFingerprint,
        String layout,
        long rows,
        long promptTokens,
        long outputTokens,
        double outputTokensPerS,
        double generatingS,
        double wallS) {
    public static Prediction of(Plan plan) {
        return new Prediction(
                plan.modelFingerprint(),
                plan.best().layout().toString(),
                plan.sample().rows(),
                Math.round(plan.sample().promptTokens()),
                Math.round(plan.sample().outputTokens()),
                plan.outputTokensPerS(),
                plan.generatingS(),
                plan.wallS());
    }

    /** For the summary of that run. */
    public Planned planned() {
        return new Planned(outputTokens, outputTokensPerS, wallS);
    }

    /** The first keys of a plan's file. */
    public ObjectNode json() {
        return JsonNodeFactory.instance
                .objectNode()
                .put("model_fingerprint", modelFingerprint)
                .put("layout", layout)
                .put("rows", rows)
                .put("prompt_tokens", promptTokens)
                .put("output_tokens", outputTokens)
                .put("output_tokens_per_s", outputTokensPerS)
                .put("generating_s", generatingS)
                .put("wall_s", wallS);
    }

    /**
     * What was written as JSON.
     *
     * @throws IllegalArgumentException where a key is missing
     */
    public static Prediction read(JsonNode json) {
        return new Prediction(
                json.required("model_fingerprint").asText(),
                json.required("layout").asText(),
                json.required("rows").asLong(),
                json.required("prompt_tokens").asLong(),
                json.required("output_tokens").asLong(),
                json.required("output_tokens_per_s").asDouble(),
                json.required("generating_s").asDouble(),
                json.required("wall_s").asDouble());
    }
}
