package nighttrain.io.template;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.ZoneId;
import java.time.ZonedDateTime;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import nighttrain.io.UserError;
import nighttrain.io.template.ChatTemplate.ChatMessage;
import nighttrain.io.template.ChatTemplate.ChatTemplateException;
import nighttrain.io.template.Globals.Strftime;
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

    /** Returns cases of reported faults and of faults of earlier versions; null as the expected text stands for an error. */
    @TestFactory
    Stream<DynamicTest> cases() throws IOException {
        List<DynamicTest> tests = new ArrayList<>();
        try (InputStream in = ChatTemplateTest.class.getResourceAsStream("/chat-templates/cases.jsonl")) {
            for (String line : new String(in.readAllBytes(), StandardCharsets.UTF_8)
                    .lines()
                    .toList()) {
                JsonNode one = new ObjectMapper().readTree(line);
                tests.add(DynamicTest.dynamicTest(one.get("name").asText(), () -> assertRenders(one)));
            }
        }
        assertThat(tests).hasSize(66);
        return tests.stream();
    }

    private void assertRenders(JsonNode one) {
        ChatTemplate template = template(one.get("chat_template").asText());
        List<ChatMessage> messages = messages(one.get("messages"));
        Locale before = Locale.getDefault();
        // In Turkish, i and I are not the lower and upper case of one letter.
        Locale.setDefault(Locale.forLanguageTag("tr-TR"));
        try {
            if (one.get("expected").isNull()) {
                assertThatThrownBy(() -> template.render(messages, true)).isInstanceOf(ChatTemplateException.class);
            } else {
                assertThat(template.render(messages, true))
                        .isEqualTo(one.get("expected").asText());
            }
        } finally {
            Locale.setDefault(before);
        }
    }

    @SuppressWarnings("unchecked") // Objects of JSON are maps of this type.
    private static List<ChatMessage> messages(JsonNode turns) {
        List<ChatMessage> messages = new ArrayList<>();
        turns.forEach(turn -> messages.add(new ChatMessage(new ObjectMapper().convertValue(turn, Map.class))));
        return messages;
    }

    @Test
    void templateAndVariablesAreGiven() {
        template("the model's own {{ bos_token }}");
        ChatTemplate given = ChatTemplate.open(
                dir,
                Optional.of(
                        "{{ bos_token }}{{ enable_thinking }}{{ tools }}{{ nested.a[0] }}{{ eos_token }}{{ documents }}"),
                Map.of("enable_thinking", false, "nested", Map.of("a", List.of(1)), "eos_token", "E", "documents", 2));
        assertThat(given.render(List.of(), true)).isEqualTo("<s>FalseNone1E2");
        assertThatThrownBy(() -> ChatTemplate.open(dir, Optional.empty(), Map.of("messages", 1)))
                .isInstanceOf(UserError.class)
                .hasMessage("bad variable of the chat template: messages (the row's own; choose another name)");
        assertThatThrownBy(() -> ChatTemplate.open(dir, Optional.of("{% if %}"), Map.of()))
                .isInstanceOf(UserError.class)
                .hasMessage("bad chat template in --chat-template: chat template failed: Expected an expression, got"
                        + " 'end of block' (line 1) (mend or replace it)");
    }

    @Test
    void messagesBringVariablesOfTheirOwn() {
        ChatTemplate given = ChatTemplate.open(
                dir,
                Optional.of("{{ enable_thinking }}{{ reasoning_effort }}{{ depth + 1 }}{{ messages[0].role }}"),
                Map.of("enable_thinking", false, "depth", 1));
        List<ChatMessage> messages = List.of(ChatMessage.of("user", "a"));
        Map<String, Object> own = Map.of("enable_thinking", true, "reasoning_effort", "low", "messages", List.of());
        assertThat(given.render(messages, true, own)).isEqualTo("Truelow2user");
        assertThat(given.render(messages, true)).as("of another row").isEqualTo("False2user");
    }

    @Test
    void refusalsAndFailuresSayWhere() {
        List<ChatMessage> messages = List.of(ChatMessage.of("user", "a"));
        assertThatThrownBy(() -> template("{{ raise_exception('no ' ~ messages[0].role) }}")
                        .render(messages, true))
                .isInstanceOf(ChatTemplateException.class)
                .hasMessage("chat template refuses the messages: no user (the model's own rule; change the messages)");
        assertThatThrownBy(() -> template("\n{% if true %}\n{{ messages[0].nothing.more }}{% endif %}")
                        .render(messages, true))
                .isInstanceOf(ChatTemplateException.class)
                .hasMessage(
                        "chat template failed: 'dict object' has no attribute 'nothing' (line 3; mend the template or"
                                + " the messages)");
    }

    @Test
    void datesAreThoseOfC() {
        ZonedDateTime time = ZonedDateTime.of(2024, 9, 1, 7, 5, 9, 123_456_000, ZoneId.of("UTC"));
        assertThat(Strftime.format(
                        time, "%d %b %Y|%-d %B %y|%A %a|%H:%M:%S.%f|%I %p|%j %U %W %w %u|%e|%F %T %D %R|%%|%q|%z|%"))
                .isEqualTo(
                        "01 Sep 2024|1 September 24|Sunday Sun|07:05:09.123456|07 AM|245 35 35 0 7| 1|2024-09-01 07:05:09"
                                + " 09/01/24 07:05|%|%q||%");
        assertThat(template("{{ strftime_now('%Y') | int > 2000 }}").render(List.of(), true))
                .isEqualTo("True");
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
