package nighttrain.io.spec;

/** The numbers in which a device keeps keys and values. */
public enum KvFormat {
    /** Those that the device computes in: bf16 on GPUs, fp32 on CPUs. */
    PLAIN,
    /** e4m3, a key or a value of one head and token with a scale of its own: a power of two, in a byte. */
    FP8;

    /**
     * Bytes of one head's key or value of one token. CPUs keep the rounded numbers as fp32.
     *
     * @param elementBytes of a number that the device computes in
     */
    public int headBytes(int headDim, int elementBytes) {
        return this == FP8 && elementBytes != Float.BYTES ? headDim + 1 : headDim * elementBytes;
    }

    /** What is asked of keys and values. */
    public enum Choice {
        /** {@link #FP8} where the checkpoint says that they are meant to be kept in 8 bits. */
        AUTO,
        /** {@link #PLAIN}. */
        BF16,
        FP8
    }
}
