package nighttrain.io.spec.families;

import nighttrain.io.spec.Mlp.Activation;

/** Activation functions by the names that config.json has for them. */
final class Activations {
    private Activations() {}

    /** The one that {@code key} names, which must be SiLU. */
    static Activation silu(ConfigJson json, String key) {
        return switch (json.text(key, "silu")) {
            case "silu", "swish" -> Activation.SILU;
            default -> throw json.bad(key, "only silu is supported; choose another model");
        };
    }

    /** The one that {@code key} names, which must be GELU in its tanh form. */
    static Activation gelu(ConfigJson json, String key) {
        return switch (json.text(key, "gelu_new")) {
            case "gelu_new", "gelu_pytorch_tanh" -> Activation.GELU_TANH;
            default -> throw json.bad(key, "only gelu_new is supported; choose another model");
        };
    }
}
