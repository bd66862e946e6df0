package nighttrain.io.table;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import nighttrain.io.UserError;

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
