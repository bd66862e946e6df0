package nighttrain.io.spec.families;

import java.util.List;
import java.util.Optional;
import nighttrain.io.spec.MixtureOfExperts;
import nighttrain.io.spec.MixtureOfExperts.Expert;
import nighttrain.io.spec.MixtureOfExperts.Router;
import nighttrain.io.spec.MixtureOfExperts.Shared;
import nighttrain.io.spec.Mlp;
import nighttrain.io.spec.ModelSpec;
import nighttrain.io.spec.Parameter.Linear;

/** Qwen 3.5 to 3.8 with experts instead of MLPs in all layers, and a shared expert with a gate of its own. */
final class Qwen35Moe {
    /** Width of the MLP where no layer has one: config.json may omit it. */
    private static final int NO_MLP = 1;

    private static final Sizes.Defaults ABSENT = new Sizes.Defaults(32_768, 2, 256, 16, 248_320, NO_MLP);

    private Qwen35Moe() {}

    static ModelSpec read(ConfigJson json) {
        Sizes sizes = Sizes.of(json, ABSENT);
        Mlp.Activation activation = json.silu("hidden_act");
        int experts = json.size("num_experts", 256);
        int chosen = ExpertLayout.chosen(json, 8, experts);
        ExpertLayout layout = new ExpertLayout(experts, sizes.hidden(), json.size("moe_intermediate_size", 512));
        int sharedWidth = json.size("shared_expert_intermediate_size", 512);
        // In 8 bits an expert has scales of its own, so those checkpoints store experts separately.
        boolean areApart = json.has("quantization_config");
        return Qwen35.model(json, sizes, DeltaNetLayout::sideBySide, layer -> {
            String at = LlamaNames.layer(layer) + "mlp.";
            List<Expert> each = areApart
                    ? layout.separate(at + "experts.", "gate_proj", "up_proj", "down_proj")
                    : layout.packed(at + "experts.gate_up_proj", at + "experts.down_proj");
            return new MixtureOfExperts(
                    Router.softmax(layout.router(at + "gate", false), chosen, true),
                    new MixtureOfExperts.Activation.Plain(activation),
                    each,
                    Optional.of(shared(new LlamaNames(sizes), at, activation, sharedWidth)));
        });
    }

    /** Returns the shared expert; {@code at} is the prefix of the mixture's names. */
    static Shared shared(LlamaNames names, String at, Mlp.Activation activation, int width) {
        return new Shared(
                names.gatedMlp(at + "shared_expert.", activation, width, false),
                Optional.of(
                        Linear.of(at + "shared_expert_gate", 1, names.sizes().hidden(), false)));
    }
}
