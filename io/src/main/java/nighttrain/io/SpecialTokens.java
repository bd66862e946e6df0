package nighttrain.io;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.Optional;

/** Special tokens as {@code tokenizer_config.json} writes them: {@code "</s>"} or {@code {"content": "</s>", ...}}. */
public final class SpecialTokens {
    public static final String FILE = "tokenizer_config.json";

    private SpecialTokens() {}

    public static Optional<String> text(JsonNode tokenizerConfig, String key) {
        JsonNode value = tokenizerConfig.path(key);
        JsonNode text = value.isObject() ? value.path("content") : value;
        return text.isTextual() ? Optional.of(text.textValue()) : Optional.empty();
    }
}
