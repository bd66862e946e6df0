package nighttrain.io.spec;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import nighttrain.io.spec.LayerSpec.FeedForward;
import nighttrain.io.spec.Parameter.Linear;

/**
 * {@code down(f(gate(x)) * up(x))}, or {@code down(f(up(x)))} without a gate.
 *
 * @param activation f
 */
public record Mlp(Activation activation, Optional<Linear> gate, Linear up, Linear down) implements FeedForward {
    /** Functions of one element. */
    public enum Activation {
        /** {@code x / (1 + exp(-x))}; with a gate SwiGLU (arXiv 2002.05202). */
        SILU("SiLU", "SwiGLU"),
        /** The tanh form of GELU (arXiv 1606.08415). */
        GELU_TANH("GELU", "GeGLU"),
        /** {@code max(x, 0)^2} (arXiv 2109.08668). */
        RELU_SQUARED("squared ReLU", "squared ReGLU");

        private final String plain;
        private final String gated;

        Activation(String plain, String gated) {
            this.plain = plain;
            this.gated = gated;
        }

        /** Returns the usual name of the activation, alone or with a gate. */
        String label(boolean isGated) {
            return isGated ? gated : plain;
        }
    }

    /** Width between {@code up} and {@code down}. */
    public int width() {
        return up.outputs();
    }

    @Override
    public List<Parameter> parameters() {
        List<Parameter> parameters = new ArrayList<>();
        gate.ifPresent(parameters::add);
        parameters.addAll(List.of(up, down));
        return parameters;
    }

    @Override
    public String shape() {
        return "MLP " + width();
    }

    @Override
    public List<String> traits() {
        return List.of(activation.label(gate.isPresent()));
    }
}
