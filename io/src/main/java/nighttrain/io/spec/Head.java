package nighttrain.io.spec;

import java.util.List;
import java.util.Optional;

/**
 * The last normed stream to logits, {@code output(x) / divisor}.
 *
 * @param own the linear layer as a checkpoint that ties nothing has it
 * @param tiedTo the table whose rows take the place of its weight; its bias stays its own
 * @param divisor 1 for most families (Granite's {@code logits_scaling})
 */
public record Head(Linear own, Optional<Table> tiedTo, double divisor) {
    /** With {@code tied}, rows of {@code tokens} for its weight. */
    public static Head of(Linear own, boolean tied, Table tokens) {
        return new Head(own, tied ? Optional.of(tokens) : Optional.empty(), 1);
    }

    /** The same with a weight of its own. */
    public Head untied() {
        return new Head(own, Optional.empty(), divisor);
    }

    /** The layer that computes logits. */
    public Linear output() {
        return tiedTo.map(table -> own.withWeight(table.name())).orElse(own);
    }

    public List<Parameter> parameters() {
        return List.of(output());
    }
}
