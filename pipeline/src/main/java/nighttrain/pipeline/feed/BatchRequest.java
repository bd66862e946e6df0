package nighttrain.pipeline.feed;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import nighttrain.executor.request.SamplingParams;
import nighttrain.io.UserError;

/**
 * One line of an OpenAI batch file: a chat completion or a completion, with sampling of its own where it says so.
 *
 * @param prompt text to complete, or null
 * @param messages conversation to continue, as JSON, or null
 * @param sampling the job's, changed as the line says
 * @param stop texts that end the output
 * @param seed the line's; empty: the job's
 */
record BatchRequest(String prompt, String messages, SamplingParams sampling, List<String> stop, Optional<Long> seed) {
    private static final JsonMapper JSON = JsonMapper.builder()
            .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
            .build();
    private static final String CHAT = "/v1/chat/completions";
    private static final String COMPLETION = "/v1/completions";

    /** What is understood; anything else in a body would change the answer, so its line is refused rather than half obeyed. */
    private static final Set<String> KNOWN = Set.of(
            "messages",
            "prompt",
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
            "model",
            "user",
            "metadata",
            "store",
            "service_tier",
            "n",
            "stream");

    /** Of these, one value alone is understood: the one that asks for nothing. */
    private static final Map<String, String> ONLY = Map.of("n", "1", "stream", "false");

    /**
     * Reads a line.
     *
     * @param number of the line in its file, from 1
     * @param shared the job's sampling
     * @param stop the job's
     */
    static BatchRequest parse(String line, long number, SamplingParams shared, List<String> stop) throws RowFault {
        Body body = new Body(body(line, number), number);
        try {
            return body.request(shared, stop);
        } catch (UserError outOfRange) {
            throw new RowFault("bad_parameter", "line " + number + ": " + outOfRange.getMessage());
        }
    }

    private static JsonNode body(String line, long number) throws RowFault {
        JsonNode request;
        try {
            request = JSON.readTree(line);
        } catch (JsonProcessingException broken) {
            throw bad(
                    number,
                    "not JSON",
                    broken.getOriginalMessage().lines().findFirst().orElse(""),
                    "one object a line");
        }
        if (!request.path("custom_id").isTextual()) {
            throw bad(
                    number,
                    "no custom_id",
                    request.path("custom_id").toString(),
                    "a text that names the request is needed");
        }
        String url = request.path("url").asText();
        if (!url.equals(CHAT) && !url.equals(COMPLETION)) {
            throw bad(number, "unknown url", url, CHAT + " or " + COMPLETION);
        }
        String needed = url.equals(CHAT) ? "messages" : "prompt";
        JsonNode asked = request.path("body").path(needed);
        if (needed.equals("messages") ? !asked.isArray() : !asked.isTextual()) {
            throw bad(
                    number,
                    "no " + needed + " in body",
                    asked.toString(),
                    needed.equals("prompt") ? "one text" : "a list of messages");
        }
        return request.get("body");
    }

    private static RowFault bad(long number, String what, String value, String hint) {
        return new RowFault(
                "bad_request", "line " + number + ": " + what + ": " + value + " (" + hint + "; mend the line)");
    }

    /** The body of a line, whose numbers are read one by one. */
    private record Body(JsonNode node, long number) {
        BatchRequest request(SamplingParams shared, List<String> stop) throws RowFault {
            refuseUnknown();
            return new BatchRequest(
                    node.path("prompt").textValue(),
                    node.has("messages") ? node.get("messages").toString() : null,
                    new SamplingParams(
                            (int) value("max_completion_tokens", value("max_tokens", shared.maxTokens())),
                            value("temperature", shared.temperature()),
                            (int) value("top_k", shared.topK()),
                            value("top_p", shared.topP()),
                            value("min_p", shared.minP()),
                            value("repetition_penalty", shared.repetitionPenalty()),
                            value("presence_penalty", shared.presencePenalty()),
                            value("frequency_penalty", shared.frequencyPenalty()),
                            shared.logprobs(),
                            node.path("ignore_eos").asBoolean(shared.ignoreEos()),
                            shared.promptLogprobs()),
                    node.hasNonNull("stop") ? texts(node.get("stop")) : stop,
                    node.hasNonNull("seed") ? Optional.of((long) value("seed", 0)) : Optional.empty());
        }

        private void refuseUnknown() throws RowFault {
            for (Map.Entry<String, JsonNode> entry : node.properties()) {
                String name = entry.getKey();
                String value = entry.getValue().asText();
                boolean obeyed =
                        KNOWN.contains(name) && ONLY.getOrDefault(name, value).equals(value);
                if (!obeyed && !entry.getValue().isNull()) {
                    throw new RowFault(
                            "unsupported_parameter",
                            "line " + number + ": unsupported parameter: " + name + " " + entry.getValue() + " ("
                                    + Optional.ofNullable(ONLY.get(name))
                                            .map(only -> only + " alone is supported")
                                            .orElse("it would change the answer")
                                    + "; leave it out)");
                }
            }
        }

        private double value(String name, double otherwise) throws RowFault {
            JsonNode value = node.path(name);
            if (value.isMissingNode() || value.isNull()) {
                return otherwise;
            }
            if (!value.isNumber()) {
                throw bad(number, "bad value of " + name, value.toString(), "a number");
            }
            return value.doubleValue();
        }

        private List<String> texts(JsonNode stop) throws RowFault {
            List<String> texts = new ArrayList<>();
            for (JsonNode text : stop.isArray() ? stop : List.of(stop)) {
                if (!text.isTextual() || text.textValue().isEmpty()) {
                    throw bad(number, "bad value of stop", stop.toString(), "a text or a list of texts");
                }
                texts.add(text.textValue());
            }
            return texts;
        }
    }
}
