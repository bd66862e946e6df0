package nighttrain.io.spec.families;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.stream.IntStream;
import nighttrain.io.UserError;
import nighttrain.io.spec.ModelSpec;
import nighttrain.io.spec.Wiring;

/** Llama with ladder residuals as the authors' own code saves it (arXiv 2501.06589): {@code ladder_layers} lists the layers. */
final class LlamaLadder {
    private LlamaLadder() {}

    static ModelSpec read(ConfigJson json) {
        ModelSpec llama = Llama.read(json);
        if (llama.wiring().kind() == Wiring.Kind.DENSE && !json.has("ladder_layers")) {
            throw UserError.of(
                    "missing key in " + json.file(),
                    "ladder_layers",
                    "a list of layers, as the authors save it; add it");
        }
        return llama;
    }

    /** How many of the last layers {@code ladder_layers} lists. */
    static int lastLayers(ConfigJson json, int layers) {
        JsonNode list = json.node().get("ladder_layers");
        int[] listed = IntStream.range(0, list.size())
                .map(i -> list.get(i).isIntegralNumber() ? list.get(i).intValue() : -1)
                .sorted()
                .distinct()
                .toArray();
        int count = list.size();
        boolean isLast =
                listed.length == count && IntStream.range(0, count).allMatch(i -> listed[i] == layers - count + i);
        if (!isLast) {
            throw json.bad(
                    "ladder_layers",
                    "the last layers up to " + (layers - 1)
                            + ", each once: ladders with dense layers behind them are not supported");
        }
        return count;
    }
}
