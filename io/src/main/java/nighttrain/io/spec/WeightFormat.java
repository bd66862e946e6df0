package nighttrain.io.spec;

/** The number format in which a device keeps and multiplies the weights of a linear layer. */
public enum WeightFormat {
    /** The format in which the device computes: bf16 on GPUs, fp32 on CPUs. */
    PLAIN,
    /** e4m3: weights have a scale for every output, inputs a scale for every token. */
    FP8;

    /** GPUs multiply 8-bit matrices only if their sides are multiples of this. */
    public static final int FP8_UNIT = 16;

    /** Returns this format, or {@link #PLAIN} where a side of the matrix is not a multiple of {@link #FP8_UNIT}. */
    public WeightFormat of(int outputs, int inputs) {
        return outputs % FP8_UNIT == 0 && inputs % FP8_UNIT == 0 ? this : PLAIN;
    }

    /** The choice of a model's weights that are {@link #FP8}. */
    public enum Choice {
        /** Weights that the checkpoint stores in 8 bits with a scale for a tensor or for every output. */
        AUTO,
        NONE,
        /**
         * Weights of all layers, except modules that the checkpoint excludes or, where it is not quantised, the last layer's feed-forward; embeddings
         * and head are excluded, too.
         */
        FP8
    }
}
