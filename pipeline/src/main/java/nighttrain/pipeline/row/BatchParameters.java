package nighttrain.pipeline.row;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Predicate;

/**
 * Decides how each parameter of OpenAI's chat completions and completions, and the few that other servers add, is treated:
 *
 * <ul>
 *   <li>obeyed: {@link BatchRequest} reads it;
 *   <li>without effect on the answer: accepted with any value;
 *   <li>neutral: accepted with values that request the default behaviour, refused by name with others;
 *   <li>all others would change the answer and are refused by name.
 * </ul>
 *
 * <p>A parameter that is null counts as absent.
 */
final class BatchParameters {
    /** Which values of a parameter are accepted; {@code only} names the one accepted value for errors, where there is one. */
    private record Rule(Predicate<JsonNode> accepts, Optional<String> only) {}

    private static final List<String> OBEYED = List.of(
            "max_tokens",
            "max_completion_tokens",
            "temperature",
            "top_p",
            "top_k",
            "min_p",
            "presence_penalty",
            "frequency_penalty",
            "repetition_penalty",
            "seed",
            "stop",
            "ignore_eos",
            "logprobs",
            "model");
    private static final List<String> OBEYED_CHAT =
            List.of("messages", "top_logprobs", "reasoning_effort", "chat_template_kwargs");
    private static final List<String> OBEYED_COMPLETION = List.of("prompt");

    /** Parameters about names, labels, storage and serving, which do not reach the model. */
    private static final List<String> WITHOUT_EFFECT = List.of(
            "user",
            "metadata",
            "store",
            "service_tier",
            "prompt_cache_key",
            "prompt_cache_options",
            "prompt_cache_retention",
            "safety_identifier",
            // The first two matter only with tools and streams, which are refused; a predicted output only saves time.
            "parallel_tool_calls",
            "stream_options",
            "prediction");

    private static final Map<String, Rule> CHAT = new HashMap<>();
    private static final Map<String, Rule> COMPLETION = new HashMap<>();

    static {
        for (Map<String, Rule> rules : List.of(CHAT, COMPLETION)) {
            OBEYED.forEach(name -> rules.put(name, any()));
            WITHOUT_EFFECT.forEach(name -> rules.put(name, any()));
            rules.put("n", only("1", BatchParameters::isOne));
            rules.put("best_of", only("1", BatchParameters::isOne));
            rules.put("stream", only("false", BatchParameters::isFalse));
            rules.put("echo", only("false", BatchParameters::isFalse));
            rules.put(
                    "suffix",
                    neutral(value -> value.isTextual() && value.textValue().isEmpty()));
            rules.put("logit_bias", neutral(BatchParameters::isEmpty));
            rules.put("tools", neutral(BatchParameters::isEmpty));
            rules.put("functions", neutral(BatchParameters::isEmpty));
            // Tools are refused, so neither value can lead to a call.
            rules.put("tool_choice", neutral(value -> isText(value, "none", "auto")));
            rules.put("function_call", neutral(value -> isText(value, "none", "auto")));
            rules.put("response_format", only("type text, json_object or json_schema", BatchParameters::isKnownFormat));
            rules.put("modalities", only("[\"text\"]", BatchParameters::isTextAlone));
            rules.put("verbosity", only("medium", value -> isText(value, "medium")));
        }
        OBEYED_CHAT.forEach(name -> CHAT.put(name, any()));
        OBEYED_COMPLETION.forEach(name -> COMPLETION.put(name, any()));
    }

    private BatchParameters() {}

    /** Returns the first parameter of a body that would change the answer and is not supported. */
    static Optional<Refused> firstRefused(JsonNode body, boolean chat) {
        Map<String, Rule> rules = chat ? CHAT : COMPLETION;
        for (Map.Entry<String, JsonNode> parameter : body.properties()) {
            JsonNode value = parameter.getValue();
            Rule rule = rules.get(parameter.getKey());
            if (!value.isNull() && (rule == null || !rule.accepts().test(value))) {
                String why = Optional.ofNullable(rule)
                        .flatMap(Rule::only)
                        .map(only -> only + " alone is supported")
                        .orElse("it would change the answer");
                return Optional.of(new Refused(parameter.getKey(), value, why));
            }
        }
        return Optional.empty();
    }

    /** A parameter, and why it is refused. */
    record Refused(String name, JsonNode value, String why) {}

    private static Rule any() {
        return new Rule(value -> true, Optional.empty());
    }

    private static Rule neutral(Predicate<JsonNode> accepts) {
        return new Rule(accepts, Optional.empty());
    }

    private static Rule only(String value, Predicate<JsonNode> accepts) {
        return new Rule(accepts, Optional.of(value));
    }

    private static boolean isOne(JsonNode value) {
        return value.isNumber() && value.doubleValue() == 1;
    }

    private static boolean isFalse(JsonNode value) {
        return value.isBoolean() && !value.booleanValue();
    }

    private static boolean isEmpty(JsonNode value) {
        return value.isContainerNode() && value.isEmpty();
    }

    private static boolean isText(JsonNode value, String... texts) {
        return value.isTextual() && List.of(texts).contains(value.textValue());
    }

    /** Whether the format is text or one that {@link BatchRequest} turns into a constraint. */
    private static boolean isKnownFormat(JsonNode value) {
        return (value.size() == 1 && isText(value.path("type"), "text", "json_object"))
                || (isText(value.path("type"), "json_schema")
                        && value.path("json_schema").path("schema").isObject());
    }

    private static boolean isTextAlone(JsonNode value) {
        return value.isArray() && value.size() == 1 && isText(value.get(0), "text");
    }
}
