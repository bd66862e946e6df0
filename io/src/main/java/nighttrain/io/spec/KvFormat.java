package nighttrain.io.spec;

/** The number format in which a device keeps keys and values. */
public enum KvFormat {
    /** The format in which the device computes: bf16 on GPUs, fp32 on CPUs. */
    PLAIN,
    /** e4m3; each key or value of one head and token has a scale of its own: a power of two, in a byte. */
    FP8,
    /**
     * Integers of -127 to 127 with scales like those of {@link #FP8}; keys are multiplied by a Hadamard matrix first. They are closer to the original
     * values in the same memory.
     */
    INT8;

    /** Whether a number takes a byte and each row has a scale. */
    public boolean isBytes() {
        return this != PLAIN;
    }

    /**
     * Returns the bytes of one head's key or value of one token. CPUs keep the rounded numbers as fp32.
     *
     * @param elementBytes bytes of a number in the format in which the device computes
     */
    public int headBytes(int headDim, int elementBytes) {
        return isBytes() && elementBytes != Float.BYTES ? headDim + 1 : headDim * elementBytes;
    }

    /** The requested format of keys and values. */
    public enum Choice {
        /** {@link #FP8} where the checkpoint says that keys and values are meant to be kept in 8 bits, else {@link #PLAIN}. */
        AUTO,
        /** {@link #PLAIN}. */
        BF16,
        FP8,
        INT8
    }
}
