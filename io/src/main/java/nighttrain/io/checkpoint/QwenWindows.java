package nighttrain.io.checkpoint;

import java.util.List;
import java.util.stream.IntStream;
import nighttrain.io.UserError;

/**
 * Which layers of a Qwen model attend to a window only. {@code sliding_window} counts only with {@code use_sliding_window};
 * the layers are those that {@code layer_types} names, else those from {@code max_window_layers} on.
 */
final class QwenWindows {
    private static final String SLIDING = "sliding_attention";
    private static final String FULL = "full_attention";

    private QwenWindows() {}

    static List<Integer> of(ConfigJson json, int layers) {
        int window = window(json);
        List<String> types = json.texts("layer_types").orElseGet(() -> byDepth(json, layers, window));
        if (types.size() != layers) {
            throw UserError.of(
                    "bad layer_types in " + json.file(),
                    types.size() + " entries",
                    "one per layer, " + layers + "; correct it");
        }
        return types.stream().map(type -> windowOf(json, type, window)).toList();
    }

    private static int window(ConfigJson json) {
        boolean explicitNull = json.node().has("sliding_window") && !json.has("sliding_window");
        return json.flag("use_sliding_window", false) && !explicitNull ? json.size("sliding_window", 4096) : 0;
    }

    private static List<String> byDepth(ConfigJson json, int layers, int window) {
        // Unlike the other sizes, 0 is a value that means something: every layer slides.
        boolean all = json.has("max_window_layers")
                && json.node().get("max_window_layers").asInt(-1) == 0;
        int fullLayers = all ? 0 : json.size("max_window_layers", 28);
        return IntStream.range(0, layers)
                .mapToObj(layer -> window > 0 && layer >= fullLayers ? SLIDING : FULL)
                .toList();
    }

    private static int windowOf(ConfigJson json, String type, int window) {
        if (type.equals(SLIDING) && window == 0) {
            throw UserError.of(
                    "bad layer_types in " + json.file(),
                    type,
                    "needs use_sliding_window and sliding_window; set both or name the layer " + FULL);
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
