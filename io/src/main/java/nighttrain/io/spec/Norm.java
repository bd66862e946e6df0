package nighttrain.io.spec;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * A norm over the last dimension.
 *
 * @param kind its equation
 * @param weight the weight's tensor, {@code [size]}
 * @param bias the bias's tensor, {@code [size]}; of LayerNorm, which may do without
 * @param epsilon added to the mean square, or to the variance
 * @param onePlusWeight multiplies by {@code 1 + w} (Gemma, Qwen 3.5) instead of {@code w}
 */
public record Norm(Kind kind, String weight, Optional<String> bias, int size, double epsilon, boolean onePlusWeight)
        implements Parameter {
    /** Kinds of norm. */
    public enum Kind {
        /** RMSNorm (arXiv 1910.07467). */
        RMS("RMSNorm"),
        /** LayerNorm (arXiv 1607.06450). */
        LAYER("LayerNorm");

        private final String label;

        Kind(String label) {
            this.label = label;
        }

        /** As people call it. */
        public String label() {
            return label;
        }
    }

    /** RMSNorm whose weight is {@code name.weight}. */
    public static Norm rms(String name, int size, double epsilon) {
        return new Norm(Kind.RMS, name + ".weight", Optional.empty(), size, epsilon, false);
    }

    /** LayerNorm whose weight is {@code name.weight}, and its bias {@code name.bias}. */
    public static Norm layer(String name, int size, double epsilon, boolean hasBias) {
        Optional<String> bias = hasBias ? Optional.of(name + ".bias") : Optional.empty();
        return new Norm(Kind.LAYER, name + ".weight", bias, size, epsilon, false);
    }

    /** The same, multiplying by {@code 1 + w}. */
    public Norm withOnePlusWeight() {
        return new Norm(kind, weight, bias, size, epsilon, true);
    }

    @Override
    public List<TensorSpec> tensors() {
        List<TensorSpec> tensors = new ArrayList<>();
        tensors.add(TensorSpec.of(weight, onePlusWeight ? TensorSpec.Fill.ZERO : TensorSpec.Fill.ONE, size));
        bias.ifPresent(name -> tensors.add(TensorSpec.of(name, TensorSpec.Fill.ZERO, size)));
        return tensors;
    }
}
