package nighttrain.pipeline.feed;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.util.ArrayList;
import java.util.List;
import nighttrain.io.template.ChatMessage;

/** Conversations as JSON: {@code [{"role": "user", "content": "..."}]}. */
final class Conversation {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final String EXPECTED = "a list of objects with role and content, both text; mend the row";
    private static final int SHOWN_CHARS = 80;

    private Conversation() {}

    static List<ChatMessage> parse(String json) throws RowFault {
        JsonNode turns = read(json);
        if (!turns.isArray()) {
            throw bad(json);
        }
        List<ChatMessage> messages = new ArrayList<>();
        for (JsonNode turn : turns) {
            JsonNode role = turn.path("role");
            JsonNode content = turn.path("content");
            if (!role.isTextual() || !content.isTextual()) {
                throw bad(turn.toString());
            }
            messages.add(ChatMessage.of(role.textValue(), content.textValue()));
        }
        return messages;
    }

    private static JsonNode read(String json) throws RowFault {
        try {
            return JSON.readTree(json);
        } catch (JsonProcessingException broken) {
            throw bad(json);
        }
    }

    private static RowFault bad(String value) {
        String shown = value.length() <= SHOWN_CHARS ? value : value.substring(0, SHOWN_CHARS) + "...";
        return new RowFault("bad_messages", "bad conversation: " + shown + " (" + EXPECTED + ")");
    }
}
