package nighttrain.executor.block;

/**
 * What one operation of a step computes and moves on one rank, every operand counted once.
 *
 * @param flops a multiplication and an addition are two
 * @param elements of weights, activations, keys and values
 * @param logits elements that are fp32 on every device
 */
public record Operation(double flops, double elements, double logits) {
    /** {@code rows} rows through {@code tracks} matrices. */
    static Operation linear(int tracks, double rows, double outputs, double inputs) {
        return new Operation(
                2 * tracks * rows * outputs * inputs, tracks * (outputs * inputs + rows * (outputs + inputs)), 0);
    }

    /** Reading and writing {@code elements} of every track. */
    static Operation memory(int tracks, double elements) {
        return new Operation(0, tracks * elements, 0);
    }
}
