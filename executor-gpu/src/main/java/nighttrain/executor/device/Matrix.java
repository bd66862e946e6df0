package nighttrain.executor.device;

/**
 * Weights of a linear layer, {@code [tracks, outputs, inputs]}, with an optional bias {@code [tracks, outputs]}, in whatever
 * order the device multiplies fastest.
 */
public interface Matrix {
    int tracks();

    int outputs();

    int inputs();

    /** Where a matrix's values come from while it is built: one row, all inputs of one output, at a time. */
    interface Rows {
        /** Writes row {@code output} of {@code track} to {@code target[0 .. inputs)}. */
        void read(int track, int output, float[] target);
    }
}
