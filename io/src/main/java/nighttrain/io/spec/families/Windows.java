package nighttrain.io.spec.families;

import java.util.List;
import java.util.Optional;
import java.util.function.IntPredicate;
import java.util.stream.IntStream;
import nighttrain.io.UserError;

/** Determines which layers attend to a window only, and its width; 0 means all positions. */
final class Windows {
    private static final String SLIDING = "sliding_attention";
    private static final String FULL = "full_attention";

    private Windows() {}

    /**
     * Returns the windows of a Qwen model: {@code sliding_window} counts only with {@code use_sliding_window}; the layers are those that
     * {@code layer_types} names, or those from {@code max_window_layers} on.
     */
    static List<Integer> ofQwen(ConfigJson json, int layers) {
        return ofQwen(json, layers, layer -> layer >= fullLayers(json));
    }

    /** @param slides whether a layer has a window where {@code layer_types} is absent */
    static List<Integer> ofQwen(ConfigJson json, int layers, IntPredicate slides) {
        boolean used = json.flag("use_sliding_window", false) && !json.isExplicitNull("sliding_window");
        int window = used ? json.size("sliding_window", 4096) : 0;
        return ofLayerTypes(json, layers, window, "use_sliding_window and sliding_window; set both")
                .orElseGet(() -> IntStream.range(0, layers)
                        .mapToObj(layer -> slides.test(layer) ? window : 0)
                        .toList());
    }

    /**
     * Returns the windows of layers by {@code layer_types}; empty where the key is absent.
     *
     * @param window window of the sliding layers, 0 for none
     * @param wayOut what a sliding layer without a window needs, for the error
     */
    static Optional<List<Integer>> ofLayerTypes(ConfigJson json, int layers, int window, String wayOut) {
        return json.textPerLayer("layer_types", layers)
                .map(types -> types.stream()
                        .map(type -> windowOf(json, type, window, wayOut))
                        .toList());
    }

    /** Returns {@code window} for all layers except every {@code interval}th, which sees all positions, unless {@code layer_types} says otherwise. */
    static List<Integer> fullEvery(int interval, ConfigJson json, int layers, int window) {
        return ofLayerTypes(json, layers, window, "sliding_window; set it")
                .orElseGet(() -> IntStream.rangeClosed(1, layers)
                        .mapToObj(layer -> layer % interval == 0 ? 0 : window)
                        .toList());
    }

    private static int fullLayers(ConfigJson json) {
        // Unlike for other sizes, 0 is a valid value: every layer slides.
        boolean all = json.has("max_window_layers")
                && json.node().get("max_window_layers").asInt(-1) == 0;
        return all ? 0 : json.size("max_window_layers", 28);
    }

    private static int windowOf(ConfigJson json, String type, int window, String wayOut) {
        if (type.equals(SLIDING) && window == 0) {
            throw UserError.of(
                    "bad layer_types in " + json.file(), type, "needs " + wayOut + " or name the layer " + FULL);
        }
        return switch (type) {
            case FULL -> 0;
            case SLIDING -> window;
            default ->
                throw UserError.of(
                        "unsupported layer_types in " + json.file(),
                        type,
                        FULL + " and " + SLIDING + " are supported; choose another model");
        };
    }
}
