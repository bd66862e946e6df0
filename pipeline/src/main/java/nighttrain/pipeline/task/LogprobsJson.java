package nighttrain.pipeline.task;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.List;
import nighttrain.executor.request.TokenLogprobs;
import nighttrain.io.text.StreamingDecoder;
import nighttrain.io.text.Tokenizer;

/** {@code [{"id": 5, "token": "a", "logprob": -0.1, "top": [{"id": 5, "token": "a", "logprob": -0.1}], "offset": 0}]}, per token. */
final class LogprobsJson {
    private static final ObjectMapper JSON = new ObjectMapper();

    private LogprobsJson() {}

    static String of(List<TokenLogprobs> positions, Tokenizer tokenizer) {
        return list(positions, tokenizer).toString();
    }

    /** Each with its {@code offset} too: characters of the text before it. */
    static String withOffsets(List<TokenLogprobs> positions, Tokenizer tokenizer) {
        ArrayNode list = list(positions, tokenizer);
        StreamingDecoder decoder = tokenizer.newDecoder();
        int offset = 0;
        for (int i = 0; i < positions.size(); i++) {
            ((ObjectNode) list.get(i)).put("offset", offset);
            String text = decoder.push(positions.get(i).token());
            offset += text.codePointCount(0, text.length());
        }
        return list.toString();
    }

    private static ArrayNode list(List<TokenLogprobs> positions, Tokenizer tokenizer) {
        ArrayNode list = JSON.createArrayNode();
        for (TokenLogprobs position : positions) {
            ArrayNode top = put(list.addObject(), position.token(), position.logprob(), tokenizer)
                    .putArray("top");
            position.likeliest().forEach(it -> put(top.addObject(), it.token(), it.logprob(), tokenizer));
        }
        return list;
    }

    private static ObjectNode put(ObjectNode node, int token, float logprob, Tokenizer tokenizer) {
        node.put("id", token).put("token", tokenizer.decode(new int[] {token}));
        // A token that a filter made impossible has no finite logarithm, and JSON has no infinity.
        return Float.isFinite(logprob) ? node.put("logprob", logprob) : node.putNull("logprob");
    }
}
