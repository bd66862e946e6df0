package nighttrain.io.spec;

/** The numbers in which a device keeps the weights of a linear layer and multiplies by them. */
public enum WeightFormat {
    /** Those that the device computes in: bf16 on GPUs, fp32 on CPUs. */
    PLAIN,
    /** e4m3, weights with a scale for every output, what they are multiplied by with a scale for every token. */
    FP8;

    /** GPUs multiply matrices in 8 bits whose sides are multiples of this. */
    public static final int FP8_UNIT = 16;

    /** This, or {@link #PLAIN} where the matrix has sides that 8 bits do not serve. */
    public WeightFormat of(int outputs, int inputs) {
        return outputs % FP8_UNIT == 0 && inputs % FP8_UNIT == 0 ? this : PLAIN;
    }

    /** Which of a model's weights are {@link #FP8}. */
    public enum Choice {
        /** Those that the checkpoint stores in 8 bits with a scale for a tensor or for every output. */
        AUTO,
        NONE,
        /**
         * Those of all layers, but for modules that the checkpoint says to leave or, where it is not quantised, the last layer's
         * feed-forward; embeddings and head stay, too.
         */
        FP8
    }
}
