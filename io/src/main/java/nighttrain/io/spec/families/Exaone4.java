package nighttrain.io.spec.families;

import java.util.List;
import java.util.Optional;
import nighttrain.io.spec.Attention.HeadNorms;
import nighttrain.io.spec.ModelSpec;
import nighttrain.io.spec.Rope;

/**
 * EXAONE 4 (arXiv 2507.11407): OLMo 2 with norms on every head of queries and keys. Where layers have windows, those that see all positions have no
 * rotary positions.
 */
final class Exaone4 {
    private Exaone4() {}

    static ModelSpec read(ConfigJson json) {
        Sizes sizes = Sizes.of(json, new Sizes.Defaults(2048, 32, 0));
        LlamaNames names = new LlamaNames(sizes);
        Optional<Rope> rope = Optional.of(Ropes.whole(json, sizes));
        double epsilon = Olmo2.epsilon(json);
        boolean slides = !json.isExplicitNull("sliding_window");
        int window = slides ? json.size("sliding_window", 4096) : 0;
        List<Integer> windows = Windows.fullEvery(fullEvery(json), json, sizes.layers(), window);
        return Olmo2.model(json, sizes, number -> {
            String layer = LlamaNames.layer(number);
            Optional<HeadNorms> norms = Optional.of(names.headNorms(layer, epsilon));
            boolean turned = !slides || windows.get(number) > 0;
            return names.attention(layer, false, false, norms, rope.filter(positions -> turned), windows.get(number));
        });
    }

    /** Returns the distance of layers that see all positions. A pattern in letters is not read: those files have {@code layer_types}, too. */
    private static int fullEvery(ConfigJson json) {
        boolean counts = json.has("sliding_window_pattern") && !json.has("layer_types") && json.has("sliding_window");
        return counts ? json.size("sliding_window_pattern", 0) : 4;
    }
}
