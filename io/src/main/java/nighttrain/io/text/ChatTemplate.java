package nighttrain.io.text;

import java.nio.file.Path;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import nighttrain.io.UserError;

/** How a model wants conversations written: the Jinja template that its makers ship. Safe for use by several threads. */
public final class ChatTemplate {
    /** Longer than any template, shorter than what would take the parser long. */
    private static final int MAX_TEMPLATE_CHARS = 1 << 20;

    // The engine reads "not x is defined" as "(not x) is defined".
    private static final Pattern NOT_IS = Pattern.compile("\\bnot (\\w+(?:\\.\\w+)*) is (defined|none)\\b");

    private final TemplateEngine engine = new TemplateEngine();
    private final String template;
    private final Map<String, String> specialTokens;

    private ChatTemplate(String template, Map<String, String> specialTokens) {
        this.template = template;
        this.specialTokens = specialTokens;
    }

    /**
     * The template of a model directory: {@code chat_template.jinja}, or {@code chat_template} of tokenizer_config.json.
     *
     * @throws UserError where there is none
     */
    public static ChatTemplate open(Path modelDir) {
        ChatTemplateSource source = ChatTemplateSource.of(modelDir);
        if (source.template().length() > MAX_TEMPLATE_CHARS) {
            throw UserError.of(
                    "chat template too long in " + source.file(),
                    source.template().length() + " characters",
                    "at most " + MAX_TEMPLATE_CHARS + "; mend the file");
        }
        return new ChatTemplate(asEngineReadsIt(source.template()), source.specialTokens());
    }

    private static String asEngineReadsIt(String template) {
        String lines = template.replace("\r\n", "\n");
        // Jinja drops one line end at the template's end; the engine would drop it from the text.
        String whole = lines.endsWith("\n") ? lines.substring(0, lines.length() - 1) : lines;
        return NOT_IS.matcher(whole).replaceAll("$1 is not $2");
    }

    /**
     * The text to tokenise, special tokens included: encode it without adding them again.
     *
     * @param addGenerationPrompt end with the beginning of the assistant's turn
     * @throws ChatTemplateException where the template refuses these messages, fails on them, or takes too long or too much
     */
    public String render(List<ChatMessage> messages, boolean addGenerationPrompt) {
        Map<String, Object> variables = new HashMap<>(specialTokens);
        variables.put("messages", messages.stream().map(ChatTemplate::asMap).toList());
        variables.put("add_generation_prompt", addGenerationPrompt);
        return engine.render(template, variables);
    }

    private static Map<String, Object> asMap(ChatMessage message) {
        Map<String, Object> map = new LinkedHashMap<>();
        map.put("role", message.role());
        map.put("content", message.content());
        return map;
    }
}
