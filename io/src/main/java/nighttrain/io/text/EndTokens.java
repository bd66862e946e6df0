package nighttrain.io.text;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Function;
import nighttrain.io.JsonFile;
import nighttrain.io.SpecialTokens;

/** Reads the tokens that end a text from all files that name some: models differ in which of these files is correct. */
final class EndTokens {
    private EndTokens() {}

    /** Returns the ids of end tokens; {@code idOf} finds a token's id by its text. */
    static Set<Integer> of(Path modelDir, Function<String, Optional<Integer>> idOf) {
        Set<Integer> ids = new TreeSet<>();
        JsonFile.readIfPresent(modelDir.resolve("generation_config.json")).ifPresent(json -> addIds(json, ids));
        JsonFile.readIfPresent(modelDir.resolve("config.json")).ifPresent(json -> addIds(json, ids));
        JsonFile.readIfPresent(modelDir.resolve(SpecialTokens.FILE))
                .flatMap(json -> SpecialTokens.text(json, "eos_token"))
                .flatMap(idOf)
                .ifPresent(ids::add);
        return Set.copyOf(ids);
    }

    /** Adds the ids of a model, and of the language model in a multimodal one. */
    private static void addIds(ObjectNode json, Set<Integer> ids) {
        addIdsOf(json, ids);
        addIdsOf(json.path("text_config"), ids);
    }

    private static void addIdsOf(JsonNode json, Set<Integer> ids) {
        JsonNode value = json.path("eos_token_id");
        for (JsonNode id : value.isArray() ? value : List.of(value)) {
            if (id.isInt() && id.intValue() >= 0) {
                ids.add(id.intValue());
            }
        }
    }
}
