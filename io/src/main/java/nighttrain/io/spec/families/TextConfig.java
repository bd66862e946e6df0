package nighttrain.io.spec.families;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.List;
import nighttrain.io.UserError;
import nighttrain.io.spec.Spelling;

/**
 * The language model of a multimodal one, whose config is the object {@code text_config} of its own. What sees or hears is left alone, as are
 * its tensors.
 */
final class TextConfig {
    private static final String KEY = "text_config";

    /** How checkpoints of transformers 4, and of 5, name the language model's tensors. */
    static final List<Spelling> SPELLINGS =
            List.of(new Spelling("", "language_model."), new Spelling("model.", "model.language_model."));

    private TextConfig() {}

    /** @param absentType the family where {@code text_config} does not name it */
    static ConfigJson of(ConfigJson json, String absentType) {
        ConfigJson inner = json.object(KEY)
                .orElseThrow(() -> UserError.of(
                        "missing key in " + json.file(), KEY, "the language model's config; copy config.json again"));
        ObjectNode text = inner.node().deepCopy();
        if (!text.has("model_type")) {
            text.put("model_type", absentType);
        }
        if (!text.has("tie_word_embeddings") && json.has("tie_word_embeddings")) {
            text.set("tie_word_embeddings", json.node().get("tie_word_embeddings"));
        }
        return new ConfigJson(text, inner.file());
    }
}
