package nighttrain.io.spec;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * Tokens to the first residual stream, {@code scale * tokens[id] + positions[position]}.
 *
 * @param tokens {@code [vocabulary, hidden]}
 * @param scale 1 for most families; Gemma's is {@code sqrt(hidden)}
 * @param positions {@code [positions, hidden]}, where they are learned
 */
public record Embedding(Table tokens, double scale, Optional<Table> positions) {
    /** Of tokens alone, as they are. */
    public static Embedding of(Table tokens) {
        return new Embedding(tokens, 1, Optional.empty());
    }

    /** The same times {@code factor}. */
    public Embedding times(double factor) {
        return new Embedding(tokens, factor, positions);
    }

    public List<Parameter> parameters() {
        List<Parameter> parameters = new ArrayList<>(List.of(tokens));
        positions.ifPresent(parameters::add);
        return parameters;
    }
}
