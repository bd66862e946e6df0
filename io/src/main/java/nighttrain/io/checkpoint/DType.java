package nighttrain.io.checkpoint;

import java.util.Locale;

/** Element types of a checkpoint's tensors. */
public enum DType {
    F32(4),
    F16(2),
    BF16(2);

    private final int bytes;

    DType(int bytes) {
        this.bytes = bytes;
    }

    /** Bytes of one element. */
    public int bytes() {
        return bytes;
    }

    /** The short name users type: {@code fp32}, {@code fp16}, {@code bf16}. */
    public String label() {
        return name().replaceFirst("^F", "fp").toLowerCase(Locale.ROOT);
    }
}
