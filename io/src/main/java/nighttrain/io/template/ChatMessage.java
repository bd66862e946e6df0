package nighttrain.io.template;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * One turn of a conversation with every field that its author gave it, for the template to use: {@code role}, {@code content},
 * and perhaps {@code name}, {@code tool_calls}, {@code reasoning_content}, ...
 *
 * @param fields in order; values are those of JSON: null, Boolean, Number, String, List, Map
 */
public record ChatMessage(Map<String, Object> fields) {
    public ChatMessage {
        // Not Map.copyOf, which refuses null (content may be null beside tool_calls) and forgets the order.
        fields = Collections.unmodifiableMap(new LinkedHashMap<>(fields));
    }

    /** Who speaks ({@code system}, {@code user}, {@code assistant}, ...), and what. */
    public static ChatMessage of(String role, String content) {
        Map<String, Object> fields = new LinkedHashMap<>();
        fields.put("role", role);
        fields.put("content", content);
        return new ChatMessage(fields);
    }
}
