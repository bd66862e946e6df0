package nighttrain.io.text;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import nighttrain.io.JsonFile;
import nighttrain.io.UserError;

/**
 * The chat template of a model directory.
 *
 * @param template Jinja source
 * @param file where it was found
 * @param specialTokens what templates call {@code bos_token}, {@code eos_token}, ...
 */
record ChatTemplateSource(String template, Path file, Map<String, String> specialTokens) {
    private static final String TEMPLATE_FILE = "chat_template.jinja";
    private static final String KEY = "chat_template";
    private static final List<String> TOKEN_KEYS =
            List.of("bos_token", "eos_token", "unk_token", "pad_token", "sep_token", "cls_token", "mask_token");

    ChatTemplateSource {
        specialTokens = Map.copyOf(specialTokens);
    }

    /** As transformers chooses: the file of its own before the key in tokenizer_config.json. */
    static ChatTemplateSource of(Path modelDir) {
        Path config = modelDir.resolve(SpecialTokens.FILE);
        ObjectNode json = JsonFile.readIfPresent(config).orElseGet(JsonNodeFactory.instance::objectNode);
        Map<String, String> tokens = new HashMap<>();
        for (String key : TOKEN_KEYS) {
            SpecialTokens.text(json, key).ifPresent(text -> tokens.put(key, text));
        }
        Path file = modelDir.resolve(TEMPLATE_FILE);
        if (Files.exists(file)) {
            return new ChatTemplateSource(new String(JsonFile.bytes(file), StandardCharsets.UTF_8), file, tokens);
        }
        String template = inConfig(json.path(KEY), config)
                .orElseThrow(() -> UserError.of(
                        "no chat template in the model directory",
                        modelDir.toAbsolutePath(),
                        "messages and --system need " + TEMPLATE_FILE + " or " + KEY + " in " + SpecialTokens.FILE
                                + "; add one or give plain prompts"));
        return new ChatTemplateSource(template, config, tokens);
    }

    private static Optional<String> inConfig(JsonNode value, Path config) {
        if (value.isTextual()) {
            return Optional.of(value.textValue());
        }
        if (value.isMissingNode() || value.isNull()) {
            return Optional.empty();
        }
        // Several templates by name; the one that transformers uses unless told otherwise is called "default".
        for (JsonNode named : value) {
            if (named.path("name").asText().equals("default")
                    && named.path("template").isTextual()) {
                return Optional.of(named.get("template").textValue());
            }
        }
        throw UserError.of(
                "no usable " + KEY + " in " + config,
                value.getNodeType(),
                "a string, or a list with one named default; add it, or a " + TEMPLATE_FILE);
    }
}
