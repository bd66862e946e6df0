package nighttrain.io.spec;

import java.util.Optional;

/**
 * What happens to a module's output, summed over ranks, before it is added to the residual stream: {@code multiplier * norm(y)}.
 *
 * @param norm a norm after the module (Gemma 3, OLMo 3)
 * @param multiplier 1 for most families (Granite)
 */
public record Residual(Optional<Norm> norm, double multiplier) {
    /** The output as it is. */
    public static Residual plain() {
        return new Residual(Optional.empty(), 1);
    }

    public static Residual normed(Norm norm) {
        return new Residual(Optional.of(norm), 1);
    }

    public static Residual times(double multiplier) {
        return new Residual(Optional.empty(), multiplier);
    }

    /** Whether nothing happens. */
    public boolean isPlain() {
        return norm.isEmpty() && multiplier == 1;
    }
}
