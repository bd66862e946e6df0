package nighttrain.io.template;

import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import nighttrain.io.UserError;

/** How a model wants conversations written: the Jinja template that its makers ship. Safe for use by several threads. */
public final class ChatTemplate {
    /** Longer than any template, shorter than what would take the parser long. */
    private static final int MAX_TEMPLATE_CHARS = 1 << 20;

    private final TemplateEngine engine;
    private final String template;
    private final Map<String, String> specialTokens;
    // A compiled template serves one thread at a time: as many are made as ever render at once.
    private final Queue<CompiledTemplate> idle = new ConcurrentLinkedQueue<>();

    private ChatTemplate(TemplateEngine engine, String template, Map<String, String> specialTokens) {
        this.engine = engine;
        this.template = template;
        this.specialTokens = specialTokens;
    }

    /**
     * The template of a model directory: {@code chat_template.jinja}, or {@code chat_template} of tokenizer_config.json.
     *
     * @throws UserError where there is none, or it is no template
     */
    public static ChatTemplate open(Path modelDir) {
        ChatTemplateSource found = ChatTemplateSource.of(modelDir);
        if (found.template().length() > MAX_TEMPLATE_CHARS) {
            throw UserError.of(
                    "chat template too long in " + found.file(),
                    found.template().length() + " characters",
                    "at most " + MAX_TEMPLATE_CHARS + "; mend the file");
        }
        try {
            TemplateEngine engine = new TemplateEngine();
            String source = TemplateDialect.translate(found.template());
            ChatTemplate template = new ChatTemplate(engine, source, found.specialTokens());
            template.idle.add(engine.compile(source));
            return template;
        } catch (ChatTemplateException e) {
            throw UserError.of("bad chat template in " + found.file(), e.getMessage(), "mend or replace it", e);
        }
    }

    /**
     * The text to tokenise, special tokens included: encode it without adding them again.
     *
     * @param addGenerationPrompt end with the beginning of the assistant's turn
     * @throws ChatTemplateException where the template refuses these messages, fails on them, or takes too long or too much
     */
    public String render(List<ChatMessage> messages, boolean addGenerationPrompt) {
        Map<String, Object> variables = new HashMap<>(specialTokens);
        variables.put("messages", messages.stream().map(ChatMessage::fields).toList());
        variables.put("add_generation_prompt", addGenerationPrompt);
        CompiledTemplate borrowed = idle.poll();
        CompiledTemplate compiled = borrowed != null ? borrowed : engine.compile(template);
        String text = compiled.render(variables);
        idle.add(compiled);
        return text;
    }
}
