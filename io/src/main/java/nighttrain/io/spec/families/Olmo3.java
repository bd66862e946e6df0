package nighttrain.io.spec.families;

import java.util.List;
import nighttrain.io.spec.ModelSpec;

/** OLMo 3: OLMo 2 with three windowed layers for each layer that sees all positions; only the latter has scaled rotary positions. */
final class Olmo3 {
    private static final double ABSENT_THETA = 500_000;
    private static final Ropes.Thetas THETAS = new Ropes.Thetas("rope_theta", ABSENT_THETA, "rope_theta", ABSENT_THETA);

    private Olmo3() {}

    static ModelSpec read(ConfigJson json) {
        Sizes sizes = Sizes.of(json, new Sizes.Defaults(2048, 0, 0));
        if (!json.has("rope_parameters") && json.positive("rope_theta", ABSENT_THETA) != ABSENT_THETA) {
            throw json.unsupported(
                    "rope_theta",
                    "transformers 4 uses it in all layers, 5 in those without a window only; give rope_parameters with a"
                            + " rope_theta for each layer type");
        }
        Ropes.ByLayerType ropes = Ropes.byLayerType(json, sizes, THETAS);
        int window = json.isExplicitNull("sliding_window") ? 0 : json.size("sliding_window", 4096);
        List<Integer> windows = Windows.fullEvery(4, json, sizes.layers(), window);
        return Olmo2.model(json, sizes, Olmo2.attention(json, sizes, windows, ropes::of));
    }
}
