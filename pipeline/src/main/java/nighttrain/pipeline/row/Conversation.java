package nighttrain.pipeline.row;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import nighttrain.io.template.ChatTemplate.ChatMessage;

/**
 * Parses conversations in JSON: {@code [{"role": "user", "content": "..."}]}, or ShareGPT's {@code [{"from": "human", "value": "..."}]}.
 *
 * <ul>
 *   <li>A message keeps all its fields for the template; one that is null counts as absent, as in transformers.
 *   <li>Content is text, or a list of parts of type {@code text}, which are joined as they are: templates of text models take text.
 *   <li>Content is absent only beside {@code tool_calls} or {@code function_call}.
 *   <li>Reasoning has the names that templates read, whichever its author gave it.
 * </ul>
 */
public final class Conversation {
    private static final JsonMapper JSON = JsonMapper.builder()
            .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
            .build();
    private static final String EXPECTED = "a list of objects with role and content, both text; mend the row";
    private static final int SHOWN_CHARS = 80;
    private static final String ROLE = "role";
    private static final String CONTENT = "content";
    private static final String FROM = "from";
    private static final String VALUE = "value";

    /** Roles by ShareGPT's names of speakers; templates know no role for other speakers. */
    private static final Map<String, String> SHARE_GPT_ROLES = Map.of(
            "system", "system",
            "human", "user",
            "user", "user",
            "gpt", "assistant",
            "assistant", "assistant");

    /** Names of a message's reasoning, the preferred first. Templates read the first or the second; vLLM answers with the third. */
    private static final List<String> REASONING = List.of("reasoning_content", "thinking", "reasoning");

    /** Fields that allow a message without text. */
    private static final Set<String> CALLS = Set.of("tool_calls", "function_call");

    private Conversation() {}

    /** Parses a value of a table's column. */
    public static List<ChatMessage> parse(String json) throws RowFault {
        try {
            return of(JSON.readTree(json));
        } catch (JsonProcessingException broken) {
            throw bad(json);
        }
    }

    /** Parses the {@code messages} of a request. */
    static List<ChatMessage> of(JsonNode turns) throws RowFault {
        if (!turns.isArray()) {
            throw bad(turns.toString());
        }
        List<ChatMessage> messages = new ArrayList<>();
        for (JsonNode turn : turns) {
            messages.add(message(turn));
        }
        return messages;
    }

    private static ChatMessage message(JsonNode turn) throws RowFault {
        boolean shareGpt = !turn.has(ROLE) && !turn.has(CONTENT) && turn.has(FROM);
        Map<String, Object> fields = new LinkedHashMap<>();
        fields.put(ROLE, shareGpt ? shareGptRole(turn) : role(turn));
        content(turn, shareGpt ? VALUE : CONTENT).ifPresent(content -> fields.put(CONTENT, content));
        Set<String> used = shareGpt ? Set.of(FROM, VALUE) : Set.of(ROLE, CONTENT);
        for (Map.Entry<String, JsonNode> field : turn.properties()) {
            if (!used.contains(field.getKey()) && !field.getValue().isNull()) {
                fields.put(field.getKey(), JSON.convertValue(field.getValue(), Object.class));
            }
        }
        REASONING.stream().filter(fields::containsKey).findFirst().ifPresent(name -> {
            fields.putIfAbsent("thinking", fields.get(name));
            fields.put("reasoning_content", fields.get(name));
        });
        return new ChatMessage(fields);
    }

    private static String role(JsonNode turn) throws RowFault {
        JsonNode role = turn.path(ROLE);
        if (!role.isTextual()) {
            throw bad(turn.toString());
        }
        return role.textValue();
    }

    private static String shareGptRole(JsonNode turn) throws RowFault {
        JsonNode from = turn.path(FROM);
        String role = from.isTextual() ? SHARE_GPT_ROLES.get(from.textValue()) : null;
        if (role == null) {
            throw fault(
                    "unknown speaker", from.toString(), "from is human, user, gpt, assistant or system; mend the row");
        }
        return role;
    }

    private static Optional<String> content(JsonNode turn, String field) throws RowFault {
        JsonNode content = turn.path(field);
        if (content.isTextual()) {
            return Optional.of(content.textValue());
        }
        if (content.isArray() && !content.isEmpty()) {
            return Optional.of(joined(content));
        }
        boolean calls = CALLS.stream().anyMatch(turn::hasNonNull);
        if (calls && (content.isNull() || content.isMissingNode())) {
            return Optional.empty();
        }
        throw bad(turn.toString());
    }

    private static String joined(JsonNode parts) throws RowFault {
        StringBuilder text = new StringBuilder();
        for (JsonNode part : parts) {
            if (!part.path("type").asText().equals("text") || !part.path("text").isTextual()) {
                JsonNode type = part.path("type");
                throw fault(
                        "unsupported content part",
                        type.isTextual() && !type.textValue().equals("text") ? type.textValue() : part.toString(),
                        "parts are {\"type\": \"text\", \"text\": \"...\"}; leave others out");
            }
            text.append(part.get("text").textValue());
        }
        return text.toString();
    }

    private static RowFault bad(String value) {
        return fault("bad conversation", value, EXPECTED);
    }

    private static RowFault fault(String what, String value, String hint) {
        String shown = value.length() <= SHOWN_CHARS ? value : value.substring(0, SHOWN_CHARS) + "...";
        return new RowFault("bad_messages", what + ": " + shown + " (" + hint + ")");
    }
}
