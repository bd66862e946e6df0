package nighttrain.io.spec;

/** The format in which an engine keeps the states of recurrent mixers between tokens; it computes in fp32 either way. */
public enum StateFormat {
    FP32(4),
    /** Half the memory; each token adds to the decayed sum of the tokens before, rounded to 8 significant bits. */
    BF16(2);

    private final int bytes;

    StateFormat(int bytes) {
        this.bytes = bytes;
    }

    /** Bytes of an element. */
    public int bytes() {
        return bytes;
    }
}
