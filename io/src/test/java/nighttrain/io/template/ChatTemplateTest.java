package nighttrain.io.template;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import nighttrain.io.UserError;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;

class ChatTemplateTest {
    private static final String TOKENS = "{\"bos_token\": \"<s>\", \"eos_token\": {\"content\": \"</s>\"}";

    @TempDir
    Path dir;

    private ChatTemplate template(String source) {
        try {
            Files.writeString(dir.resolve("chat_template.jinja"), source);
            Files.writeString(dir.resolve("tokenizer_config.json"), TOKENS + "}");
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
        return ChatTemplate.open(dir);
    }

    /** Texts that Jinja2 itself rendered; chat-templates/make_goldens.py made them. */
    @TestFactory
    Stream<DynamicTest> rendersAsJinjaDoes() throws IOException {
        JsonNode goldens;
        try (InputStream in = ChatTemplateTest.class.getResourceAsStream("/chat-templates/goldens.json")) {
            goldens = new ObjectMapper().readTree(in);
        }
        List<DynamicTest> tests = new ArrayList<>();
        goldens.get("templates").fields().forEachRemaining(source -> {
            ChatTemplate template = template(source.getValue().asText());
            for (JsonNode golden : goldens.get("cases")) {
                if (golden.get("template").asText().equals(source.getKey())) {
                    List<ChatMessage> messages = messages(goldens.get("conversations")
                            .get(golden.get("conversation").asText()));
                    tests.add(DynamicTest.dynamicTest(name(golden), () -> assertRenders(template, messages, golden)));
                }
            }
        });
        assertThat(tests).hasSize(84);
        return tests.stream();
    }

    private static String name(JsonNode golden) {
        return golden.get("template").asText() + ", "
                + golden.get("conversation").asText() + ", "
                + golden.get("prompt").asText();
    }

    private static List<ChatMessage> messages(JsonNode turns) {
        List<ChatMessage> messages = new ArrayList<>();
        for (JsonNode turn : turns) {
            messages.add(ChatMessage.of(turn.get(0).asText(), turn.get(1).asText()));
        }
        return messages;
    }

    private static void assertRenders(ChatTemplate template, List<ChatMessage> messages, JsonNode golden) {
        boolean prompt = golden.get("prompt").asBoolean();
        if (golden.has("text")) {
            assertThat(template.render(messages, prompt))
                    .isEqualTo(golden.get("text").asText());
        } else {
            assertThatThrownBy(() -> template.render(messages, prompt))
                    .isInstanceOf(ChatTemplateException.class)
                    .hasMessage(
                            "chat template refuses the messages: %s (the model's own rule; change the messages)",
                            golden.get("refusal").asText());
        }
    }

    @Test
    void messagesAreDataWhateverTheyHold() {
        ChatTemplate template = template("{{ messages[0].content }}{{ messages[1].content | trim }}");
        List<ChatMessage> messages = List.of(
                ChatMessage.of("user", "{{ messages }}{% for i in range(9) %}x{% endfor %}"),
                ChatMessage.of("user", " {{ bos_token }} "));
        assertThat(template.render(messages, true))
                .isEqualTo("{{ messages }}{% for i in range(9) %}x{% endfor %}{{ bos_token }}");
    }

    @Test
    void aMegabyteAndNonBmpText() {
        String large = "🦙 naïve \uD800 ".repeat(100_000);
        assertThat(template("[{{ messages[0]['content'] }}]")
                        .render(List.of(ChatMessage.of("user", large)), false)
                        .equals("[" + large + "]"))
                .isTrue();
    }

    @Test
    void foundInTokenizerConfig() throws IOException {
        Files.writeString(
                dir.resolve("tokenizer_config.json"),
                TOKENS + ", \"chat_template\": \"{{ bos_token }}{{ eos_token }}\"}");
        assertThat(ChatTemplate.open(dir).render(List.of(), true)).isEqualTo("<s></s>");
        Files.writeString(dir.resolve("tokenizer_config.json"), """
                {"chat_template": [{"name": "tool_use", "template": "no"}, {"name": "default", "template": "yes"}]}""");
        assertThat(ChatTemplate.open(dir).render(List.of(), true)).isEqualTo("yes");
        Files.writeString(dir.resolve("chat_template.jinja"), "file");
        assertThat(ChatTemplate.open(dir).render(List.of(), true)).isEqualTo("file");
    }

    @Test
    void absent() throws IOException {
        String message = "no chat template in the model directory: " + dir
                + " (messages and --system need chat_template.jinja or chat_template in tokenizer_config.json; add one"
                + " or give plain prompts)";
        assertThatThrownBy(() -> ChatTemplate.open(dir))
                .isInstanceOf(UserError.class)
                .hasMessage(message);
        Files.writeString(dir.resolve("tokenizer_config.json"), TOKENS + "}");
        assertThatThrownBy(() -> ChatTemplate.open(dir)).hasMessage(message);
        Path config = Files.writeString(dir.resolve("tokenizer_config.json"), "{\"chat_template\": 3}");
        assertThatThrownBy(() -> ChatTemplate.open(dir))
                .isInstanceOf(UserError.class)
                .hasMessage(
                        "no usable chat_template in %s: NUMBER (a string, or a list with one named default; add it, or"
                                + " a chat_template.jinja)",
                        config);
    }

    @Test
    void threadsRenderAtOnce() throws Exception {
        ChatTemplate template = template("{% for m in messages %}{{ m.role }}:{{ m.content }};{% endfor %}");
        ExecutorService threads = Executors.newFixedThreadPool(4);
        try {
            List<Future<String>> texts = IntStream.range(0, 200)
                    .mapToObj(i ->
                            threads.submit(() -> template.render(List.of(ChatMessage.of("r" + i, "c" + i)), true)))
                    .toList();
            for (int i = 0; i < texts.size(); i++) {
                assertThat(texts.get(i).get(30, TimeUnit.SECONDS)).isEqualTo("r" + i + ":c" + i + ";");
            }
        } finally {
            threads.shutdownNow();
        }
    }
}
