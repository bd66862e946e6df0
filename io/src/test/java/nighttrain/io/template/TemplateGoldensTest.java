package nighttrain.io.template;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.zip.GZIPInputStream;
import nighttrain.io.UserError;
import nighttrain.io.template.ChatTemplate.ChatMessage;
import nighttrain.io.template.ChatTemplate.ChatTemplateException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Compares with Jinja2 to the character, and expects an error wherever Jinja2 raises: templates like published ones, and generated expressions.
 * src/test/python/template_goldens.py makes the goldens.
 */
class TemplateGoldensTest {
    private static final ObjectMapper JSON = new ObjectMapper();

    @TempDir
    Path dir;

    @Test
    void templates() throws IOException {
        JsonNode inputs = goldens().get(0);
        List<String> differences = new ArrayList<>();
        int templates = 0;
        for (JsonNode line : goldens()) {
            if (line.has("template")) {
                templates++;
                compare(line, inputs, differences);
            }
        }
        assertThat(differences).isEmpty();
        assertThat(templates).isGreaterThanOrEqualTo(60);
        assertThat(inputs.get("conversations").size()).isEqualTo(20);
    }

    private void compare(JsonNode line, JsonNode inputs, List<String> differences) throws IOException {
        String name = line.get("template").asText();
        // The date changes from day to day.
        String source = resource(name).replaceAll("strftime_now\\([^)]*\\)", "'(now)'");
        for (int i = 0; i < line.get("outcomes").size(); i++) {
            JsonNode expected = line.get("outcomes").get(i);
            JsonNode variables =
                    inputs.get("variables").get(i % inputs.get("variables").size());
            String text = render(source, messages(inputs.get("conversations").get(i)), map(variables));
            String wanted = expected.isTextual() ? expected.asText() : null;
            if (wanted == null ? !text.startsWith("ERROR ") : !text.equals(wanted)) {
                differences.add(name + ", conversation " + i + ": " + difference(text, expected.toString(), wanted));
            }
        }
    }

    private static String difference(String text, String expected, String wanted) {
        if (wanted == null || text.startsWith("ERROR ")) {
            return text + " <> " + expected.substring(0, Math.min(200, expected.length()));
        }
        int at = 0;
        while (at < Math.min(text.length(), wanted.length()) && text.charAt(at) == wanted.charAt(at)) {
            at++;
        }
        int from = Math.max(0, at - 40);
        return "at " + at + ": [" + text.substring(from, Math.min(text.length(), at + 60)) + "] <> ["
                + wanted.substring(from, Math.min(wanted.length(), at + 60)) + "]";
    }

    @Test
    void expressions() throws IOException {
        Map<String, Object> given = map(goldens().get(1).get("given"));
        List<ChatMessage> messages = messages(goldens().get(1).get("given").get("messages"));
        given.remove("messages");
        List<String> differences = new ArrayList<>();
        int compared = 0;
        for (JsonNode line : goldens()) {
            for (JsonNode expression : line.path("expressions")) {
                compared++;
                String text = render(expression.get(0).asText(), messages, given);
                JsonNode wanted = expression.get(1);
                if (wanted.isNull() ? !text.startsWith("ERROR ") : !text.equals(wanted.asText())) {
                    differences.add(expression.get(0).asText() + "\n    ours " + text + "\n    jinja2 " + wanted);
                }
            }
        }
        assertThat(differences).isEmpty();
        assertThat(compared).isEqualTo(5000);
    }

    private String render(String source, List<ChatMessage> messages, Map<String, Object> variables) {
        try {
            return ChatTemplate.open(dir, Optional.of(source), variables).render(messages, true);
        } catch (ChatTemplateException | UserError e) {
            return "ERROR " + e.getMessage();
        }
    }

    private static List<ChatMessage> messages(JsonNode turns) {
        List<ChatMessage> messages = new ArrayList<>();
        turns.forEach(turn -> messages.add(new ChatMessage(map(turn))));
        return messages;
    }

    @SuppressWarnings("unchecked") // Objects of JSON are maps of this type.
    private static Map<String, Object> map(JsonNode object) {
        return JSON.convertValue(object, LinkedHashMap.class);
    }

    private static String resource(String name) throws IOException {
        try (InputStream in = TemplateGoldensTest.class.getResourceAsStream("/chat-templates/" + name)) {
            return new String(in.readAllBytes(), StandardCharsets.UTF_8);
        }
    }

    private static List<JsonNode> goldens() throws IOException {
        List<JsonNode> lines = new ArrayList<>();
        try (InputStream in = TemplateGoldensTest.class.getResourceAsStream("/chat-templates/goldens.jsonl.gz");
                BufferedReader reader =
                        new BufferedReader(new InputStreamReader(new GZIPInputStream(in), StandardCharsets.UTF_8))) {
            for (String line = reader.readLine(); line != null; line = reader.readLine()) {
                lines.add(JSON.readTree(line));
            }
        }
        return lines;
    }
}
