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
        SILU,
        /** The tanh form of GELU (arXiv 1606.08415). */
        GELU_TANH
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
        return List.of(
                gate.isPresent()
                        ? activation == Activation.SILU ? "SwiGLU" : "GeGLU"
                        : activation == Activation.SILU ? "SiLU" : "GELU");
    }
}
