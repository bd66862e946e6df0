package nighttrain.pipeline.row;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.nio.charset.StandardCharsets;
import org.apache.spark.api.java.function.MapFunction;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.types.StructType;

/**
 * Writes results as the lines of an OpenAI batch output, which OpenAI's client reads: for every request a response or an error.
 *
 * @param model name of the model where a request names none
 * @param createdS time of creation, in seconds since 1970
 * @param schema schema of merged rows, whose kept struct begins with the request
 */
record BatchAnswers(String model, long createdS, StructType schema) implements MapFunction<Row, String> {
    private static final long serialVersionUID = 1L;
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final int OK = 200;
    private static final int BAD_REQUEST = 400;
    /** Stands for a log-probability that is not finite, which JSON cannot express. */
    private static final double UNLIKELY = -9999;

    @Override
    public String call(Row row) throws JsonProcessingException, RowFault {
        String position = String.valueOf(row.getLong(schema.fieldIndex("position")));
        ObjectNode line = JSON.createObjectNode();
        line.put("id", "batch_req_" + position).put("custom_id", text(row, "id"));
        ObjectNode response = line.putObject("response");
        if (text(row, "error") != null) {
            response.put("status_code", BAD_REQUEST).put("request_id", "req_" + position);
            response.putObject("body")
                    .putObject("error")
                    .put("message", text(row, "error_message"))
                    .put("type", "invalid_request_error")
                    .putNull("param")
                    .put("code", text(row, "error"));
            line.putObject("error").put("code", text(row, "error")).put("message", text(row, "error_message"));
        } else {
            response.put("status_code", OK).put("request_id", "req_" + position);
            response.set("body", body(row, position));
            line.putNull("error");
        }
        return line.toString();
    }

    private ObjectNode body(Row row, String position) throws JsonProcessingException, RowFault {
        JsonNode request =
                JSON.readTree(row.getStruct(schema.fieldIndex("kept")).getString(0));
        boolean chat = request.path("url").asText().equals(BatchRequest.CHAT);
        JsonNode asked = request.path("body");
        ObjectNode body = JSON.createObjectNode();
        body.put("id", (chat ? "chatcmpl-" : "cmpl-") + position)
                .put("object", chat ? "chat.completion" : "text_completion")
                .put("created", createdS)
                .put(
                        "model",
                        asked.path("model").isTextual() ? asked.get("model").textValue() : model);
        ObjectNode choice = body.putArray("choices").addObject().put("index", 0);
        if (chat) {
            choice.putObject("message").put("role", "assistant").put("content", text(row, "text"));
        } else {
            choice.put("text", text(row, "text"));
        }
        choice.set("logprobs", logprobs(text(row, "logprobs"), BatchRequest.logprobs(asked, chat), chat));
        choice.put("finish_reason", text(row, "finish_reason"));
        int promptTokens = row.getInt(schema.fieldIndex("prompt_tokens"));
        int outputTokens = row.getInt(schema.fieldIndex("output_tokens"));
        body.putObject("usage")
                .put("prompt_tokens", promptTokens)
                .put("completion_tokens", outputTokens)
                .put("total_tokens", promptTokens + outputTokens);
        return body;
    }

    /** Returns log-probabilities with the {@code top} most likely tokens at each position; the journal may have more. */
    private static JsonNode logprobs(String journal, int top, boolean chat) throws JsonProcessingException {
        if (top < 0) {
            return JSON.nullNode();
        }
        JsonNode positions = journal == null ? JSON.createArrayNode() : JSON.readTree(journal);
        return chat ? chatLogprobs(positions, top) : completionLogprobs(positions, top);
    }

    private static ObjectNode chatLogprobs(JsonNode positions, int top) {
        ObjectNode logprobs = JSON.createObjectNode();
        ArrayNode content = logprobs.putArray("content");
        for (JsonNode position : positions) {
            ArrayNode likeliest = putToken(content.addObject(), position).putArray("top_logprobs");
            for (int i = 0; i < Math.min(top, position.path("top").size()); i++) {
                putToken(likeliest.addObject(), position.path("top").get(i));
            }
        }
        logprobs.putNull("refusal");
        return logprobs;
    }

    private static ObjectNode putToken(ObjectNode node, JsonNode token) {
        String text = token.path("token").asText();
        node.put("token", text).put("logprob", logprob(token));
        if (text.indexOf('\uFFFD') >= 0) {
            // The token is a part of a character: its text does not hold its bytes.
            return node.putNull("bytes");
        }
        ArrayNode bytes = node.putArray("bytes");
        for (byte one : text.getBytes(StandardCharsets.UTF_8)) {
            bytes.add(Byte.toUnsignedInt(one));
        }
        return node;
    }

    private static ObjectNode completionLogprobs(JsonNode positions, int top) {
        ObjectNode logprobs = JSON.createObjectNode();
        ArrayNode offsets = logprobs.putArray("text_offset");
        ArrayNode chosen = logprobs.putArray("token_logprobs");
        ArrayNode tokens = logprobs.putArray("tokens");
        ArrayNode likeliest = logprobs.putArray("top_logprobs");
        for (JsonNode position : positions) {
            offsets.add(position.path("offset").asInt());
            chosen.add(logprob(position));
            tokens.add(position.path("token").asText());
            ObjectNode best = likeliest.addObject();
            for (int i = 0; i < Math.min(top, position.path("top").size()); i++) {
                putIfAbsent(best, position.path("top").get(i));
            }
            // OpenAI lists the chosen token too, whether it is likely or not.
            putIfAbsent(best, position);
        }
        return logprobs;
    }

    /** Adds a token unless its text is there: of two tokens with one text the more likely stays. */
    private static void putIfAbsent(ObjectNode best, JsonNode token) {
        if (!best.has(token.path("token").asText())) {
            best.put(token.path("token").asText(), logprob(token));
        }
    }

    private static double logprob(JsonNode token) {
        return token.path("logprob").isNumber() ? token.get("logprob").doubleValue() : UNLIKELY;
    }

    private String text(Row row, String name) {
        return row.getString(schema.fieldIndex(name));
    }
}
