package nighttrain.io.template;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import nighttrain.io.JsonFile;
import nighttrain.io.SpecialTokens;
import nighttrain.io.UserError;
import nighttrain.io.template.Scope.Frame;

/**
 * A model's chat template: the Jinja template that its makers ship, with Jinja2's semantics, in the environment that transformers sets up. Safe for
 * use by several threads.
 */
public final class ChatTemplate {
    /** Longer than any real template, and short enough to parse quickly. */
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
     * Opens the template of a model directory: {@code chat_template.jinja}, or {@code chat_template} of tokenizer_config.json.
     *
     * @throws UserError where there is none, or it is not a valid template
     */
    public static ChatTemplate open(Path modelDir) {
        return open(modelDir, Optional.empty(), Map.of());
    }

    /**
     * Opens the template of a model directory, or another one in its place.
     *
     * @param source another template, to be used with the model's special tokens
     * @param variables further variables of the template; they override special tokens, {@code tools} and the like
     * @throws UserError where there is none, it is not a valid template, or a variable's name is taken
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
        given.forEach((name, value) -> variables.put(name, value(value)));
        return variables;
    }

    /** Converts a value of JSON or of a caller to a value of a template. */
    private static Object value(Object given) {
        if (given instanceof Map<?, ?> map) {
            Map<Object, Object> copy = new LinkedHashMap<>();
            map.forEach((key, entry) -> copy.put(key, value(entry)));
            return Collections.unmodifiableMap(copy);
        }
        if (given instanceof List<?> list) {
            List<Object> copy = new ArrayList<>(list.size());
            list.forEach(entry -> copy.add(value(entry)));
            return Collections.unmodifiableList(copy);
        }
        if (given instanceof Integer || given instanceof Short || given instanceof Byte) {
            return ((Number) given).longValue();
        }
        if (given instanceof Float || given instanceof BigDecimal) {
            return ((Number) given).doubleValue();
        }
        if (given instanceof BigInteger integer) {
            return Numbers.integer(integer);
        }
        if (given == null
                || given instanceof String
                || given instanceof Boolean
                || given instanceof Long
                || given instanceof Double) {
            return given;
        }
        throw new IllegalArgumentException("a value of a chat template: " + given.getClass() + " (those of JSON)");
    }

    /**
     * Returns the text to tokenise, special tokens included: encode it without adding them again.
     *
     * @param addGenerationPrompt whether the text ends with the beginning of the assistant's turn
     * @throws ChatTemplateException where the template refuses these messages, fails on them, or exceeds a limit of time or size
     */
    public String render(List<ChatMessage> messages, boolean addGenerationPrompt) {
        return render(messages, addGenerationPrompt, Map.of());
    }

    /**
     * Like {@link #render(List, boolean)}, with variables for these messages, such as {@code enable_thinking}; they override those of the template.
     *
     * @param own variables by name; values are those of JSON
     */
    public String render(List<ChatMessage> messages, boolean addGenerationPrompt, Map<String, Object> own) {
        Map<String, Object> all = new HashMap<>(variables);
        own.forEach((name, value) -> all.put(name, value(value)));
        all.put(MESSAGES, value(messages.stream().map(ChatMessage::fields).toList()));
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

    /** Thrown where a chat template cannot be rendered for one row's messages: the row is at fault, not the job. */
    public static final class ChatTemplateException extends RuntimeException {
        private static final long serialVersionUID = 1L;

        /** {@code message} has the form {@code what failed: value (limit; way out)}. */
        public ChatTemplateException(String message, Throwable cause) {
            super(message, cause);
        }
    }

    /**
     * The chat template of a model directory.
     *
     * @param template Jinja source
     * @param file file that holds the template
     * @param specialTokens special tokens by the names that templates use: {@code bos_token}, {@code eos_token}, ...
     */
    private record ChatTemplateSource(String template, Path file, Map<String, String> specialTokens) {
        private static final String TEMPLATE_FILE = "chat_template.jinja";
        private static final String KEY = "chat_template";
        private static final List<String> TOKEN_KEYS =
                List.of("bos_token", "eos_token", "unk_token", "pad_token", "sep_token", "cls_token", "mask_token");

        ChatTemplateSource {
            specialTokens = Map.copyOf(specialTokens);
        }

        /** Returns another template than the model's, with the model's special tokens. */
        static ChatTemplateSource given(String template, Path modelDir) {
            return new ChatTemplateSource(template, Path.of("--chat-template"), tokens(config(modelDir)));
        }

        /** Chooses as transformers does: the template's own file before the key in tokenizer_config.json. */
        static ChatTemplateSource of(Path modelDir) {
            Path config = modelDir.resolve(SpecialTokens.FILE);
            ObjectNode json = config(modelDir);
            Map<String, String> tokens = tokens(json);
            Path file = modelDir.resolve(TEMPLATE_FILE);
            if (Files.exists(file)) {
                refuseOutside(file, modelDir);
                return new ChatTemplateSource(new String(JsonFile.bytes(file), StandardCharsets.UTF_8), file, tokens);
            }
            String template = inConfig(json.path(KEY), config)
                    .orElseThrow(() -> UserError.of(
                            "no chat template in the model directory",
                            modelDir.toAbsolutePath(),
                            "messages and --system need " + TEMPLATE_FILE + " or " + KEY + " in " + SpecialTokens.FILE
                                    + "; add one or give plain prompts"));
            return new ChatTemplateSource(template, config, tokens);
        }

        private static ObjectNode config(Path modelDir) {
            return JsonFile.readIfPresent(modelDir.resolve(SpecialTokens.FILE))
                    .orElseGet(JsonNodeFactory.instance::objectNode);
        }

        private static Map<String, String> tokens(ObjectNode config) {
            Map<String, String> tokens = new HashMap<>();
            for (String key : TOKEN_KEYS) {
                SpecialTokens.text(config, key).ifPresent(text -> tokens.put(key, text));
            }
            return tokens;
        }

        /**
         * Refuses a file outside the model directory. Its content goes into prompts, and from there into results: a link in a model made by others
         * must not read other files of this machine. Links into the cache that contains the directory are allowed, as Hugging Face downloads models
         * that way.
         */
        private static void refuseOutside(Path file, Path modelDir) {
            try {
                Path real = file.toRealPath();
                Path dir = modelDir.toRealPath();
                boolean inCache = dir.getNameCount() > 2
                        && dir.getParent().endsWith("snapshots")
                        && real.startsWith(dir.getParent().resolveSibling("blobs"));
                if (!real.startsWith(dir) && !inCache) {
                    throw UserError.of(
                            "chat template outside of the model directory",
                            file,
                            "a link to " + real + "; copy the file there if you trust it");
                }
            } catch (IOException e) {
                throw UserError.of("cannot read", file, "not even its place; check the file and its permissions", e);
            }
        }

        private static Optional<String> inConfig(JsonNode value, Path config) {
            if (value.isTextual()) {
                return Optional.of(value.textValue());
            }
            if (value.isMissingNode() || value.isNull()) {
                return Optional.empty();
            }
            // Several templates by name; transformers uses "default" unless told otherwise.
            for (JsonNode named : value) {
                if (named.path("name").asText().equals("default")
                        && named.path("template").isTextual()) {
                    return Optional.of(named.get("template").textValue());
                }
            }
            throw UserError.of(
                    "no usable " + KEY + " in " + config,
                    value.getNodeType(),
                    "a string, or a list with one named default; add it, or a " + TEMPLATE_FILE);
        }
    }

    /**
     * One turn of a conversation with every field that its author gave it, for use by the template: {@code role}, {@code content}, and optionally
     * {@code name}, {@code tool_calls}, {@code reasoning_content}, ...
     *
     * @param fields fields in order; values are those of JSON: null, Boolean, Number, String, List, Map
     */
    public record ChatMessage(Map<String, Object> fields) {
        public ChatMessage {
            // Not Map.copyOf, which refuses null (content may be null beside tool_calls) and loses the order.
            fields = Collections.unmodifiableMap(new LinkedHashMap<>(fields));
        }

        /** Returns a message of a role ({@code system}, {@code user}, {@code assistant}, ...) with this content. */
        public static ChatMessage of(String role, String content) {
            Map<String, Object> fields = new LinkedHashMap<>();
            fields.put("role", role);
            fields.put("content", content);
            return new ChatMessage(fields);
        }
    }
}
