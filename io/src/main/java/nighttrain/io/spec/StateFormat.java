package nighttrain.io.spec;

/** What an engine keeps the states of recurrent mixers in between tokens; it computes in fp32 either way. */
public enum StateFormat {
    FP32(4),
    /** Half the memory; each token adds to what is left of the tokens before, rounded to 8 bits. */
    BF16(2);

    private final int bytes;

    StateFormat(int bytes) {
        this.bytes = bytes;
    }

    /** Of an element. */
    public int bytes() {
        return bytes;
    }
}
