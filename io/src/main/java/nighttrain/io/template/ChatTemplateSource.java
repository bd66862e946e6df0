package nighttrain.io.template;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import nighttrain.io.JsonFile;
import nighttrain.io.SpecialTokens;
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

    /** Another template than the model's, with the model's special tokens. */
    static ChatTemplateSource given(String template, Path modelDir) {
        return new ChatTemplateSource(template, Path.of("--chat-template"), tokens(config(modelDir)));
    }

    /** As transformers chooses: the file of its own before the key in tokenizer_config.json. */
    static ChatTemplateSource of(Path modelDir) {
        Path config = modelDir.resolve(SpecialTokens.FILE);
        ObjectNode json = config(modelDir);
        Map<String, String> tokens = tokens(json);
        Path file = modelDir.resolve(TEMPLATE_FILE);
        if (Files.exists(file)) {
            refuseOutside(file, modelDir);
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

    private static ObjectNode config(Path modelDir) {
        return JsonFile.readIfPresent(modelDir.resolve(SpecialTokens.FILE))
                .orElseGet(JsonNodeFactory.instance::objectNode);
    }

    private static Map<String, String> tokens(ObjectNode config) {
        Map<String, String> tokens = new HashMap<>();
        for (String key : TOKEN_KEYS) {
            SpecialTokens.text(config, key).ifPresent(text -> tokens.put(key, text));
        }
        return tokens;
    }

    /**
     * What is in this file goes into prompts, and from there into results: a link in a model that somebody else made must not
     * put a file of ours there. Links into the cache that the directory is part of are how Hugging Face downloads models.
     */
    private static void refuseOutside(Path file, Path modelDir) {
        try {
            Path real = file.toRealPath();
            Path dir = modelDir.toRealPath();
            boolean inCache = dir.getNameCount() > 2
                    && dir.getParent().endsWith("snapshots")
                    && real.startsWith(dir.getParent().resolveSibling("blobs"));
            if (!real.startsWith(dir) && !inCache) {
                throw UserError.of(
                        "chat template outside of the model directory",
                        file,
                        "a link to " + real + "; copy the file there if you trust it");
            }
        } catch (IOException e) {
            throw UserError.of("cannot read", file, "not even its place; check the file and its permissions", e);
        }
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
