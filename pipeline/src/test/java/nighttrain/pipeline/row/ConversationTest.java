package nighttrain.pipeline.row;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import java.util.List;
import java.util.Map;
import nighttrain.io.template.ChatTemplate.ChatMessage;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ConversationTest {
    @Test
    void messagesKeepTheirFieldsInOrder() throws RowFault {
        ChatMessage message = only("{\"role\": \"user\", \"name\": \"bob\", \"content\": \"Hi\", \"weight\": 0.5,"
                + " \"tools\": [1, null, {\"a\": true}], \"refusal\": null}");

        assertThat(message.fields().keySet()).containsExactly("role", "content", "name", "weight", "tools");
        assertThat(message.fields()).containsEntry("name", "bob").containsEntry("weight", 0.5);
        assertThat((List<?>) message.fields().get("tools")).asString().isEqualTo("[1, null, {a=true}]");
    }

    @Test
    void partsOfTextAreJoined() throws RowFault {
        assertThat(only("{\"role\": \"user\", \"content\": [{\"type\": \"text\", \"text\": \"Say \"},"
                                + " {\"type\": \"text\", \"text\": \"hello.\"}]}")
                        .fields())
                .isEqualTo(Map.of("role", "user", "content", "Say hello."));
    }

    @ParameterizedTest
    @CsvSource({"human,user", "user,user", "gpt,assistant", "assistant,assistant", "system,system"})
    void speakersOfShareGptHaveRoles(String from, String role) throws RowFault {
        assertThat(only("{\"from\": \"%s\", \"value\": \"Hi\"}".formatted(from)).fields())
                .isEqualTo(Map.of("role", role, "content", "Hi"));
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "{\"from\": \"tool\", \"value\": \"Hi\"}"
                        + "|unknown speaker: \"tool\" (from is human, user, gpt, assistant or system; mend the row)",
                "{\"role\": \"user\", \"content\": [{\"type\": \"input_audio\", \"input_audio\": {}}]}"
                        + "|unsupported content part: input_audio (parts are {\"type\": \"text\", \"text\": \"...\"}; leave others out)",
                "{\"role\": \"user\", \"content\": [\"Hi\"]}"
                        + "|unsupported content part: \"Hi\" (parts are {\"type\": \"text\", \"text\": \"...\"}; leave others out)",
                "{\"role\": \"user\", \"content\": [{\"type\": \"text\"}]}"
                        + "|unsupported content part: {\"type\":\"text\"} (parts are {\"type\": \"text\", \"text\": \"...\"}; leave others out)",
                "{\"role\": \"user\", \"content\": []}"
                        + "|bad conversation: {\"role\":\"user\",\"content\":[]} (a list of objects with role and content, both text; mend the row)",
                "{\"role\": \"user\"}"
                        + "|bad conversation: {\"role\":\"user\"} (a list of objects with role and content, both text; mend the row)",
                "{\"content\": \"Hi\"}"
                        + "|bad conversation: {\"content\":\"Hi\"} (a list of objects with role and content, both text; mend the row)",
                "\"Hi\"|bad conversation: \"Hi\" (a list of objects with role and content, both text; mend the row)",
                "null|bad conversation: null (a list of objects with role and content, both text; mend the row)",
            })
    void whatNoTemplateCanBeGivenIsAFaultOfItsRow(String turn, String message) {
        RowFault fault = catchThrowableOfType(RowFault.class, () -> Conversation.parse("[" + turn + "]"));
        assertThat(fault).hasMessage(message);
        assertThat(fault.kind()).isEqualTo("bad_messages");
    }

    /** A template for which content is only absent would print None or fail on a null. */
    @ParameterizedTest
    @ValueSource(strings = {"", "\"content\": null, "})
    void contentMayBeAbsentBesideToolCalls(String content) throws RowFault {
        assertThat(only("{\"role\": \"assistant\", %s\"tool_calls\": [{\"id\": \"t\"}]}".formatted(content))
                        .fields())
                .isEqualTo(Map.of("role", "assistant", "tool_calls", List.of(Map.of("id", "t"))));
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "\"reasoning\": \"a\"|a|a",
                "\"thinking\": \"a\", \"reasoning\": \"b\"|a|a",
                "\"reasoning_content\": \"a\", \"reasoning\": null|a|a",
                "\"thinking\": \"a\", \"reasoning_content\": \"b\"|b|a",
            })
    void reasoningHasTheNamesThatTemplatesRead(String fields, String reasoning, String thinking) throws RowFault {
        assertThat(only("{\"role\": \"assistant\", \"content\": \"Hi\", %s}".formatted(fields))
                        .fields())
                .containsEntry("reasoning_content", reasoning)
                .containsEntry("thinking", thinking);
    }

    private static ChatMessage only(String turn) throws RowFault {
        List<ChatMessage> messages = Conversation.parse("[" + turn + "]");
        assertThat(messages).hasSize(1);
        return messages.get(0);
    }
}
