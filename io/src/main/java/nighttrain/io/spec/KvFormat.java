package nighttrain.io.spec;

/** The numbers in which a device keeps keys and values. */
public enum KvFormat {
    /** Those that the device computes in: bf16 on GPUs, fp32 on CPUs. */
    PLAIN,
    /** e4m3, a key or a value of one head and token with a scale of its own: a power of two, in a byte. */
    FP8,
    /** Integers of -127 to 127, with such a scale as {@link #FP8} has, of keys times a Hadamard matrix: nearer to what they were, in the same memory. */
    INT8;

    /** Whether a number is a byte, and a row has a scale. */
    public boolean isBytes() {
        return this != PLAIN;
    }

    /**
     * Bytes of one head's key or value of one token. CPUs keep the rounded numbers as fp32.
     *
     * @param elementBytes of a number that the device computes in
     */
    public int headBytes(int headDim, int elementBytes) {
        return isBytes() && elementBytes != Float.BYTES ? headDim + 1 : headDim * elementBytes;
    }

    /** What is asked of keys and values. */
    public enum Choice {
        /** {@link #FP8} where the checkpoint says that they are meant to be kept in 8 bits. */
        AUTO,
        /** {@link #PLAIN}. */
        BF16,
        FP8,
        INT8
    }
}
