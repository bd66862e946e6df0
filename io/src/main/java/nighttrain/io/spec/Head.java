package nighttrain.io.spec;

import java.util.List;
import java.util.Optional;

/**
 * The last normed stream to logits, {@code output(x) / divisor}, capped where there is a cap to {@code cap * tanh(logits / cap)}.
 *
 * @param own the linear layer as a checkpoint that ties nothing has it
 * @param tiedTo the table whose rows take the place of its weight; its bias stays its own
 * @param divisor 1 for most families (Granite's {@code logits_scaling})
 * @param softCap the bound that logits come near and never pass (Gemma); 0 for none
 */
public record Head(Linear own, Optional<Table> tiedTo, double divisor, double softCap) {
    /** With {@code tied}, rows of {@code tokens} for its weight. */
    public static Head of(Linear own, boolean tied, Table tokens) {
        return new Head(own, tied ? Optional.of(tokens) : Optional.empty(), 1, 0);
    }

    /** The same with a weight of its own. */
    public Head untied() {
        return new Head(own, Optional.empty(), divisor, softCap);
    }

    /** The same with logits divided. */
    public Head dividedBy(double other) {
        return new Head(own, tiedTo, other, softCap);
    }

    /** The same with logits capped. */
    public Head cappedTo(double cap) {
        return new Head(own, tiedTo, divisor, cap);
    }

    /** The layer that computes logits. */
    public Linear output() {
        return tiedTo.map(table -> own.withWeight(table.name())).orElse(own);
    }

    public List<Parameter> parameters() {
        return List.of(output());
    }
}
