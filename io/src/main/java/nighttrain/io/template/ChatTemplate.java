package nighttrain.io.template;

import java.nio.file.Path;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import nighttrain.io.UserError;

/**
 * How a model wants conversations written: the Jinja template that its makers ship, with Jinja2's own semantics, set up as
 * transformers sets it up. Safe for use by several threads.
 */
public final class ChatTemplate {
    /** Longer than any template, shorter than what would take the parser long. */
    private static final int MAX_TEMPLATE_CHARS = 1 << 20;

    private static final String MESSAGES = "messages";

    private final List<Statement> statements;
    private final Frame frame;
    private final Map<String, Object> variables;

    private ChatTemplate(List<Statement> statements, Frame frame, Map<String, Object> variables) {
        this.statements = statements;
        this.frame = frame;
        this.variables = variables;
    }

    /**
     * The template of a model directory: {@code chat_template.jinja}, or {@code chat_template} of tokenizer_config.json.
     *
     * @throws UserError where there is none, or it is no template
     */
    public static ChatTemplate open(Path modelDir) {
        return open(modelDir, Optional.empty(), Map.of());
    }

    /**
     * The template of a model directory, or another one for it.
     *
     * @param source another template, to be used with the model's special tokens
     * @param variables more variables of the template; they come before special tokens, {@code tools} and the like
     * @throws UserError where there is none, it is no template, or a variable has a name that is taken
     */
    public static ChatTemplate open(Path modelDir, Optional<String> source, Map<String, Object> variables) {
        ChatTemplateSource found = source.map(text -> ChatTemplateSource.given(text, modelDir))
                .orElseGet(() -> ChatTemplateSource.of(modelDir));
        if (found.template().length() > MAX_TEMPLATE_CHARS) {
            throw UserError.of(
                    "chat template too long in " + found.file(),
                    found.template().length() + " characters",
                    "at most " + MAX_TEMPLATE_CHARS + "; mend the file");
        }
        try {
            List<Statement> statements = Parser.statements(Lexer.tokens(found.template()));
            return new ChatTemplate(statements, Binder.bind(statements), variables(found, variables));
        } catch (TemplateError e) {
            throw bad(found, "chat template failed: " + oneLine(e.getMessage()), e);
        } catch (RenderBudget.Exceeded e) {
            throw bad(found, e.getMessage(), e);
        } catch (StackOverflowError e) {
            throw bad(found, "chat template is nested too deep: out of stack", e);
        }
    }

    private static UserError bad(ChatTemplateSource source, String reason, Throwable cause) {
        return UserError.of("bad chat template in " + source.file(), reason, "mend or replace it", cause);
    }

    private static Map<String, Object> variables(ChatTemplateSource found, Map<String, Object> given) {
        if (given.containsKey(MESSAGES)) {
            throw UserError.of("bad variable of the chat template", MESSAGES, "the row's own; choose another name");
        }
        Map<String, Object> variables = new HashMap<>(Globals.ALL);
        variables.put("tools", null);
        variables.put("documents", null);
        variables.putAll(found.specialTokens());
        given.forEach((name, value) -> variables.put(name, Values.of(value)));
        return variables;
    }

    /**
     * The text to tokenise, special tokens included: encode it without adding them again.
     *
     * @param addGenerationPrompt end with the beginning of the assistant's turn
     * @throws ChatTemplateException where the template refuses these messages, fails on them, or takes too long or too much
     */
    public String render(List<ChatMessage> messages, boolean addGenerationPrompt) {
        return render(messages, addGenerationPrompt, Map.of());
    }

    /**
     * The same, with variables of these messages' own, such as {@code enable_thinking}; they come before those of the template.
     *
     * @param own values are those of JSON
     */
    public String render(List<ChatMessage> messages, boolean addGenerationPrompt, Map<String, Object> own) {
        Map<String, Object> all = new HashMap<>(variables);
        own.forEach((name, value) -> all.put(name, Values.of(value)));
        all.put(MESSAGES, Values.of(messages.stream().map(ChatMessage::fields).toList()));
        all.putIfAbsent("add_generation_prompt", addGenerationPrompt);
        return render(Collections.unmodifiableMap(all));
    }

    private String render(Map<String, Object> all) {
        Scope.Rendering rendering = new Scope.Rendering(all, RenderBudget.begin());
        Scope scope = new Scope(frame.slots(), null, rendering);
        try {
            frame.enter(scope);
            Statement.runAll(statements, scope);
            return scope.out.toString();
        } catch (TemplateError e) {
            throw failure(e, rendering.line);
        } catch (RenderBudget.Exceeded e) {
            throw new ChatTemplateException(e.getMessage() + " (mend the template)", e);
        } catch (StackOverflowError e) {
            throw new ChatTemplateException("chat template is nested too deep: out of stack (mend the template)", e);
        } finally {
            RenderBudget.end();
        }
    }

    private static ChatTemplateException failure(TemplateError error, int line) {
        if (error.refusal) {
            return new ChatTemplateException(
                    "chat template refuses the messages: " + oneLine(error.getMessage())
                            + " (the model's own rule; change the messages)",
                    error);
        }
        return new ChatTemplateException(
                "chat template failed: " + oneLine(error.getMessage()) + " (line " + line
                        + "; mend the template or the messages)",
                error);
    }

    private static String oneLine(String message) {
        return String.valueOf(message).lines().findFirst().orElse("");
    }
}
