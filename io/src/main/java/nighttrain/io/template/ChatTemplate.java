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
        given.forEach((name, value) -> variables.put(name, value(value)));
        return variables;
    }

    /** What JSON or a caller holds, as a value of a template. */
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

    /** A chat template could not be rendered for one row's messages: that row's fault, not the job's. */
    public static final class ChatTemplateException extends RuntimeException {
        private static final long serialVersionUID = 1L;

        /** {@code message} reads {@code what failed: value (limit; way out)}. */
        public ChatTemplateException(String message, Throwable cause) {
            super(message, cause);
        }
    }

    /**
     * The chat template of a model directory.
     *
     * @param template Jinja source
     * @param file where it was found
     * @param specialTokens what templates call {@code bos_token}, {@code eos_token}, ...
     */
    private record ChatTemplateSource(String template, Path file, Map<String, String> specialTokens) {
        private static final String TEMPLATE_FILE = "chat_template.jinja";
        private static final String KEY = "chat_template";
        private static final List<String> TOKEN_KEYS =
                List.of("bos_token", "eos_token", "unk_token", "pad_token", "sep_token", "cls_token", "mask_token");

        ChatTemplateSource {
            specialTokens = Map.copyOf(specialTokens);
        }

        /** Another template than the model's, with the model's special tokens. */
        static ChatTemplateSource given(String template, Path modelDir) {
            return new ChatTemplateSource(template, Path.of("--chat-template"), tokens(config(modelDir)));
        }

        /** As transformers chooses: the file of its own before the key in tokenizer_config.json. */
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
         * What is in this file goes into prompts, and from there into results: a link in a model that somebody else made must not
         * put a file of ours there. Links into the cache that the directory is part of are how Hugging Face downloads models.
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
            // Several templates by name; the one that transformers uses unless told otherwise is called "default".
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
     * One turn of a conversation with every field that its author gave it, for the template to use: {@code role}, {@code content},
     * and perhaps {@code name}, {@code tool_calls}, {@code reasoning_content}, ...
     *
     * @param fields in order; values are those of JSON: null, Boolean, Number, String, List, Map
     */
    public record ChatMessage(Map<String, Object> fields) {
        public ChatMessage {
            // Not Map.copyOf, which refuses null (content may be null beside tool_calls) and forgets the order.
            fields = Collections.unmodifiableMap(new LinkedHashMap<>(fields));
        }

        /** Who speaks ({@code system}, {@code user}, {@code assistant}, ...), and what. */
        public static ChatMessage of(String role, String content) {
            Map<String, Object> fields = new LinkedHashMap<>();
            fields.put("role", role);
            fields.put("content", content);
            return new ChatMessage(fields);
        }
    }
}
