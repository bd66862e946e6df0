package nighttrain.pipeline.row;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import nighttrain.executor.request.SamplingParams;
import nighttrain.executor.request.SamplingParams.Filter;
import nighttrain.executor.request.SamplingParams.Penalties;
import nighttrain.io.UserError;
import nighttrain.io.constraint.Constraint;
import nighttrain.pipeline.row.RowRequest.Decoding;
import nighttrain.pipeline.row.RowRequest.Prompt;

/** Parses a line of an OpenAI batch file: a chat completion or a completion. Its own sampling parameters override the job's. */
final class BatchRequest {
    private static final JsonMapper JSON = JsonMapper.builder()
            .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
            .build();
    /** Replaces a line whose bytes are not UTF-8; no line of JSON equals it. */
    static final String NO_TEXT = "\0not UTF-8";

    static final String CHAT = "/v1/chat/completions";
    static final String COMPLETION = "/v1/completions";
    private static final int SHOWN_CHARS = 80;
    private static final double MOST_EXACT = 1L << 53;

    /** Matches errors of {@link SamplingParams}, which name values as the command line does. */
    private static final Pattern OF_AN_OPTION = Pattern.compile("bad value of --([a-z-]+)");

    private BatchRequest() {}

    /**
     * Reads a line.
     *
     * @param line line of the file, or {@link #NO_TEXT}
     * @param number number of the line in its file, from 1; blank lines do not count
     * @param job the job's decoding, for parameters that the line does not set
     */
    static RowRequest parse(String line, long number, Decoding job) throws RowFault {
        try {
            return Line.of(line).request(job);
        } catch (UserError outOfRange) {
            Matcher option = OF_AN_OPTION.matcher(outOfRange.getMessage());
            String message =
                    option.replaceFirst(it -> "bad value of " + it.group(1).replace('-', '_'));
            throw new RowFault("bad_parameter", "line " + number + ": " + message);
        } catch (RowFault fault) {
            throw new RowFault(fault.kind(), "line " + number + ": " + fault.getMessage());
        }
    }

    /**
     * Returns how many of the most likely tokens a body requests at each position of the answer; -1 if it requests no log-probabilities.
     */
    static int logprobs(JsonNode body, boolean chat) throws RowFault {
        return new Line(chat, body).logprobs();
    }

    private static RowFault bad(String what, JsonNode value, String hint) {
        return bad(what, value.isMissingNode() ? "nothing" : value.toString(), hint);
    }

    private static RowFault bad(String what, String value, String hint) {
        return new RowFault("bad_request", what + ": " + shown(value) + " (" + hint + "; mend the line)");
    }

    private static String shown(String value) {
        return value.length() <= SHOWN_CHARS ? value : value.substring(0, SHOWN_CHARS) + "...";
    }

    /** A line with a valid custom_id, method and url, and an object as body. */
    private record Line(boolean chat, JsonNode body) {
        static Line of(String line) throws RowFault {
            if (line.equals(NO_TEXT)) {
                throw bad("not UTF-8", "bytes that are no character", "batch files are UTF-8 text");
            }
            JsonNode request = read(line);
            if (!request.path("custom_id").isTextual()) {
                throw bad("no custom_id", request.path("custom_id"), "a text that names the request is needed");
            }
            if (request.hasNonNull("method") && !request.get("method").asText().equals("POST")) {
                throw bad("unknown method", request.get("method"), "POST");
            }
            String url = request.path("url").asText();
            if (!url.equals(CHAT) && !url.equals(COMPLETION)) {
                throw bad("unknown url", url, CHAT + " or " + COMPLETION);
            }
            if (!request.path("body").isObject()) {
                throw bad("no body", request.path("body"), "an object with the request's parameters is needed");
            }
            return new Line(url.equals(CHAT), request.get("body"));
        }

        private static JsonNode read(String line) throws RowFault {
            try {
                return JSON.readTree(line);
            } catch (JsonProcessingException broken) {
                throw bad(
                        "not JSON",
                        broken.getOriginalMessage().lines().findFirst().orElse(""),
                        "one object a line");
            }
        }

        RowRequest request(Decoding job) throws RowFault {
            Prompt prompt = chat ? chatPrompt() : new Prompt.Text(text());
            Optional<BatchParameters.Refused> refused = BatchParameters.firstRefused(body, chat);
            if (refused.isPresent()) {
                BatchParameters.Refused it = refused.get();
                throw new RowFault(
                        "unsupported_parameter",
                        "unsupported parameter: " + it.name() + " "
                                + shown(it.value().toString()) + " (" + it.why() + "; leave it out)");
            }
            SamplingParams sampling = sampling(job.sampling());
            List<String> stop = stop(job.stop());
            Constraint constraint = constraint(job.constraint());
            if (constraint != null && sampling.ignoreEos()) {
                throw bad("ignore_eos with a response_format", "true", "a constrained answer ends where it must");
            }
            if (constraint != null && !stop.isEmpty()) {
                throw bad("stop with a response_format", stop.toString(), "it could cut a constrained answer short");
            }
            return new RowRequest(
                    prompt, new Decoding(sampling, stop, seed(job.seed()), constraint, job.logprobsBefore()));
        }

        /** Returns the line's own constraint, or else the job's. */
        private Constraint constraint(Constraint shared) {
            JsonNode format = body.path("response_format");
            String after = shared == null ? "" : shared.after();
            return switch (format.path("type").asText()) {
                case "json_object" -> new Constraint.JsonObject(after);
                case "json_schema" ->
                    new Constraint.JsonSchema(
                            format.path("json_schema").path("schema").toString(), after);
                default -> shared;
            };
        }

        private Prompt chatPrompt() throws RowFault {
            JsonNode messages = body.path("messages");
            if (!messages.isArray()) {
                throw bad("no messages in body", messages, "a list of messages");
            }
            messages.forEach(Line::readCallArguments);
            return new Prompt.Chat(Conversation.of(messages), templateArguments());
        }

        /** Clients send the arguments of a tool call as JSON text; chat templates expect the object. */
        private static void readCallArguments(JsonNode message) {
            for (JsonNode call : message.path("tool_calls")) {
                if (call.path("function") instanceof ObjectNode function
                        && function.path("arguments").isTextual()) {
                    try {
                        JsonNode arguments =
                                JSON.readTree(function.get("arguments").textValue());
                        if (arguments.isObject()) {
                            function.set("arguments", arguments);
                        }
                    } catch (JsonProcessingException text) {
                        // A model wrote the arguments, which may be invalid JSON; the template gets the text unchanged.
                    }
                }
            }
        }

        private Map<String, Object> templateArguments() throws RowFault {
            Map<String, Object> arguments = new LinkedHashMap<>();
            JsonNode effort = body.path("reasoning_effort");
            if (isSet(effort)) {
                if (!effort.isTextual()) {
                    throw bad("bad value of reasoning_effort", effort, "a text");
                }
                arguments.put("reasoning_effort", effort.textValue());
            }
            JsonNode more = body.path("chat_template_kwargs");
            if (isSet(more)) {
                if (!more.isObject() || more.has("messages")) {
                    throw bad("bad value of chat_template_kwargs", more, "an object without messages");
                }
                more.properties()
                        .forEach(it -> arguments.put(it.getKey(), JSON.convertValue(it.getValue(), Object.class)));
            }
            return arguments;
        }

        private String text() throws RowFault {
            JsonNode prompt = body.path("prompt");
            if (prompt.isTextual()) {
                return prompt.textValue();
            }
            if (prompt.isArray() && prompt.size() == 1 && prompt.get(0).isTextual()) {
                return prompt.get(0).textValue();
            }
            if (prompt.isArray() && prompt.size() > 1 && prompt.get(0).isTextual()) {
                throw bad("more than one prompt", prompt, "one text a line; write a line for each");
            }
            if (prompt.isArray() && !prompt.isEmpty()) {
                throw bad("prompt of token ids", prompt, "text is supported");
            }
            throw bad("no prompt in body", prompt, "one text");
        }

        private SamplingParams sampling(SamplingParams shared) throws RowFault {
            int maxTokens = integer("max_tokens", 1, Integer.MAX_VALUE, shared.maxTokens());
            return new SamplingParams(
                    integer("max_completion_tokens", 1, Integer.MAX_VALUE, maxTokens),
                    number("temperature", shared.temperature()),
                    new Filter(
                            integer(
                                    "top_k",
                                    0,
                                    Integer.MAX_VALUE,
                                    shared.filter().topK()),
                            number("top_p", shared.filter().topP()),
                            number("min_p", shared.filter().minP())),
                    new Penalties(
                            number("repetition_penalty", shared.penalties().repetition()),
                            number("presence_penalty", shared.penalties().presence()),
                            number("frequency_penalty", shared.penalties().frequency())),
                    Math.max(logprobs(), shared.logprobs()),
                    shared.promptLogprobs(),
                    bool("ignore_eos", shared.ignoreEos()));
        }

        /** Returns the requested number as above. A chat sets a switch and a number, a completion only the number. */
        int logprobs() throws RowFault {
            if (!chat) {
                return isFalse(body.path("logprobs")) ? -1 : integer("logprobs", 0, SamplingParams.MAX_LOGPROBS, -1);
            }
            boolean asked = bool("logprobs", false);
            int top = integer("top_logprobs", 0, SamplingParams.MAX_LOGPROBS, 0);
            if (top > 0 && !asked) {
                throw bad("bad value of top_logprobs", String.valueOf(top), "it needs logprobs: true");
            }
            return asked ? top : -1;
        }

        private List<String> stop(List<String> shared) throws RowFault {
            JsonNode stop = body.path("stop");
            if (!isSet(stop)) {
                return shared;
            }
            List<String> texts = new ArrayList<>();
            for (JsonNode text : stop.isArray() ? stop : List.of(stop)) {
                if (!text.isTextual() || text.textValue().isEmpty()) {
                    throw bad("bad value of stop", stop, "a text or a list of texts");
                }
                texts.add(text.textValue());
            }
            return texts;
        }

        private long seed(long otherwise) throws RowFault {
            JsonNode seed = body.path("seed");
            if (!isSet(seed)) {
                return otherwise;
            }
            boolean exact = seed.isIntegralNumber()
                    ? seed.canConvertToLong()
                    : seed.isNumber() && isInteger(seed) && Math.abs(seed.doubleValue()) <= MOST_EXACT;
            if (!exact) {
                throw bad("bad value of seed", seed, "an integer of 64 bits");
            }
            return seed.longValue();
        }

        private int integer(String name, int least, int most, int otherwise) throws RowFault {
            JsonNode value = body.path(name);
            if (!isSet(value)) {
                return otherwise;
            }
            if (!value.isNumber() || !isInteger(value)) {
                throw bad("bad value of " + name, value, "an integer");
            }
            if (value.doubleValue() < least || value.doubleValue() > most) {
                throw bad(
                        "bad value of " + name,
                        value,
                        most == Integer.MAX_VALUE ? "at least " + least : least + " to " + most);
            }
            return value.intValue();
        }

        private double number(String name, double otherwise) throws RowFault {
            JsonNode value = body.path(name);
            if (!isSet(value)) {
                return otherwise;
            }
            if (!value.isNumber()) {
                throw bad("bad value of " + name, value, "a number");
            }
            return value.doubleValue();
        }

        private boolean bool(String name, boolean otherwise) throws RowFault {
            JsonNode value = body.path(name);
            if (!isSet(value)) {
                return otherwise;
            }
            if (!value.isBoolean()) {
                throw bad("bad value of " + name, value, "true or false");
            }
            return value.booleanValue();
        }

        private static boolean isSet(JsonNode value) {
            return !value.isMissingNode() && !value.isNull();
        }

        private static boolean isFalse(JsonNode value) {
            return value.isBoolean() && !value.booleanValue();
        }

        private static boolean isInteger(JsonNode value) {
            return value.doubleValue() == Math.rint(value.doubleValue());
        }
    }
}
