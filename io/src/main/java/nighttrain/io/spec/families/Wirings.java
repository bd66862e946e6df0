package nighttrain.io.spec.families;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.stream.IntStream;
import nighttrain.io.spec.Wiring;

/** The wirings with which a model of an ordinary family may have been trained instead of the dense one. */
final class Wirings {
    private Wirings() {}

    /** Returns the wiring that {@code parallel_block} and {@code ladder_layers} name, dense by default. */
    static Wiring of(ConfigJson json, int layers) {
        boolean parallelBlock = json.flag("parallel_block", false);
        int ladderLayers = ladderLayers(json, layers);
        if (parallelBlock && ladderLayers > 0) {
            throw json.bad("ladder_layers", "0 where parallel_block is true");
        }
        if (parallelBlock) {
            return Wiring.parallelBlock();
        }
        return ladderLayers > 0 ? Wiring.ladder(ladderLayers) : Wiring.dense();
    }

    /** Returns how many of the last layers are ladder layers. */
    static int ladderLayers(ConfigJson json, int layers) {
        if (!json.has("ladder_layers")) {
            return 0;
        }
        JsonNode value = json.node().get("ladder_layers");
        if (value.isArray()) {
            return lastLayers(json, layers);
        }
        if (value.isIntegralNumber() && value.canConvertToInt() && value.intValue() == 0) {
            return 0;
        }
        int ladderLayers = json.size("ladder_layers", 0);
        if (ladderLayers > layers) {
            throw json.bad("ladder_layers", "at most num_hidden_layers, " + layers);
        }
        return ladderLayers;
    }

    /** Returns the number of last layers that {@code ladder_layers} lists. */
    private static int lastLayers(ConfigJson json, int layers) {
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

    /** Refuses the keys of {@link #of} in models of tracks. */
    static void refuseBesideTracks(ConfigJson json, int layers) {
        if (!(of(json, layers) instanceof Wiring.Dense)) {
            throw json.unsupported("model_type", "tracks are neither ladders nor parallel blocks; drop those keys");
        }
    }
}
