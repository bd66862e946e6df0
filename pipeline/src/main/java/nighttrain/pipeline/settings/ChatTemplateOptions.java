package nighttrain.pipeline.settings;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.Serializable;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import nighttrain.io.UserError;
import nighttrain.io.template.ChatTemplate;

/**
 * The chat template that conversations are rendered with. It is sent to executors.
 *
 * @param source the template's text; null for the model's own
 * @param variables its variables besides the messages
 */
public record ChatTemplateOptions(String source, Map<String, Object> variables) implements Serializable {
    private static final ObjectMapper JSON = new ObjectMapper().enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS);

    public ChatTemplateOptions {
        // Not Map.copyOf: a value may be null.
        variables = new LinkedHashMap<>(variables);
    }

    /** Whether the template or its variables differ from the model's own. */
    public boolean isGiven() {
        return source != null || !variables.isEmpty();
    }

    static ChatTemplateOptions of(SettingValues values) {
        return new ChatTemplateOptions(
                values.find(Settings.CHAT_TEMPLATE)
                        .map(file -> SettingValues.read(file, Settings.CHAT_TEMPLATE))
                        .orElse(null),
                values.find(Settings.CHAT_TEMPLATE_ARGS)
                        .map(ChatTemplateOptions::variables)
                        .orElseGet(Map::of));
    }

    @SuppressWarnings("unchecked") // An object of JSON becomes a map of this type.
    private static Map<String, Object> variables(String json) {
        try {
            JsonNode read = JSON.readTree(json);
            if (read.isObject()) {
                return JSON.convertValue(read, LinkedHashMap.class);
            }
        } catch (JsonProcessingException broken) {
            // The error below covers this too.
        }
        throw UserError.of(
                "bad value of --chat-template-args",
                json,
                "an object of JSON, such as {\"enable_thinking\": false}; leave it out for none");
    }

    /** Opens the template for the model in this directory. */
    public ChatTemplate open(Path modelDir) {
        return ChatTemplate.open(modelDir, template(), variables);
    }

    /** The template's text, if it is not the model's own. */
    public Optional<String> template() {
        return Optional.ofNullable(source);
    }
}
