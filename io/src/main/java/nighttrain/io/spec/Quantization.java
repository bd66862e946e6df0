package nighttrain.io.spec;

import java.util.List;
import java.util.Optional;
import java.util.regex.Pattern;

/**
 * What a checkpoint says of its quantised weights: those of linear layers are e4m3 numbers times scales, but for some layers.
 *
 * @param scales what shares a scale
 * @param block rows and columns of a block, where blocks share one
 * @param unquantized modules that are stored as they are: names, or {@code re:} and a regular expression for the beginning of one
 * @param keysAndValues whether these are meant to be kept in 8 bits, too
 */
public record Quantization(Scales scales, Optional<Block> block, List<String> unquantized, boolean keysAndValues) {
    private static final String REGEX = "re:";

    /** What shares a scale. */
    public enum Scales {
        TENSOR,
        CHANNEL,
        BLOCK
    }

    /** Rows and columns that share a scale. */
    public record Block(int rows, int cols) {}

    public Quantization {
        unquantized = List.copyOf(unquantized);
    }

    /** Whether a module, {@code model.layers.7.mlp.up_proj}, is quantised by this. */
    public boolean covers(String module) {
        return unquantized.stream().noneMatch(one -> names(one, module));
    }

    private static boolean names(String one, String module) {
        return one.startsWith(REGEX)
                ? Pattern.compile(one.substring(REGEX.length())).matcher(module).lookingAt()
                : module.equals(one) || module.startsWith(one + ".") || module.endsWith("." + one);
    }
}
