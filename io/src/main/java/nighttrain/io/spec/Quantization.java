package nighttrain.io.spec;

import java.util.List;
import java.util.Optional;
import java.util.regex.Pattern;

/**
 * A checkpoint's statement about its quantised weights: the weights of linear layers are e4m3 numbers times scales, with listed exceptions.
 *
 * @param scales elements that share a scale
 * @param block rows and columns of a block, where each block has a scale
 * @param unquantized modules stored unquantised: names, or {@code re:} and a regular expression that matches the beginning of one
 * @param keysAndValues whether keys and values are meant to be kept in 8 bits, too
 */
public record Quantization(Scales scales, Optional<Block> block, List<String> unquantized, boolean keysAndValues) {
    private static final String REGEX = "re:";

    /** The elements that share a scale. */
    public enum Scales {
        TENSOR,
        CHANNEL,
        BLOCK
    }

    /** Rows and columns of a block that shares a scale. */
    public record Block(int rows, int cols) {}

    public Quantization {
        unquantized = List.copyOf(unquantized);
    }

    /** Whether a module, {@code model.layers.7.mlp.up_proj}, is quantised. */
    public boolean covers(String module) {
        return unquantized.stream().noneMatch(one -> names(one, module));
    }

    private static boolean names(String one, String module) {
        return one.startsWith(REGEX)
                ? Pattern.compile(one.substring(REGEX.length())).matcher(module).lookingAt()
                : module.equals(one) || module.startsWith(one + ".") || module.endsWith("." + one);
    }
}
