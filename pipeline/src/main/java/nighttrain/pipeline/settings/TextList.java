package nighttrain.pipeline.settings;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.util.List;

/** Several texts as one, so that a list with commas and line breaks in it fits in a Spark conf. */
final class TextList {
    private static final ObjectMapper JSON = new ObjectMapper();

    private TextList() {}

    static List<String> parse(String text) {
        if (!text.startsWith("[")) {
            return List.of(text);
        }
        try {
            return List.copyOf(JSON.readValue(text, new TypeReference<List<String>>() {}));
        } catch (JsonProcessingException notJson) {
            return List.of(text);
        }
    }

    static String print(List<String> texts) {
        try {
            return JSON.writeValueAsString(texts);
        } catch (JsonProcessingException impossible) {
            throw new IllegalStateException(impossible);
        }
    }
}
