package nighttrain.io.checkpoint;

import java.nio.ByteBuffer;
import java.nio.ShortBuffer;
import java.util.List;

/**
 * One tensor of a checkpoint, row-major. Stored tensors are memory-mapped: nothing is read until it is copied out, and it is copied once. Safe for
 * use by several threads.
 */
public interface CheckpointTensor {
    String name();

    DType dtype();

    /** Sizes of the dimensions, outermost first. */
    List<Long> shape();

    /** Number of elements. */
    default long size() {
        return shape().stream().mapToLong(Long::longValue).reduce(1, (a, b) -> a * b);
    }

    /** Widens elements {@code from .. from + count} to fp32 into {@code target}, starting at {@code targetOffset}. */
    void copyTo(long from, float[] target, int targetOffset, int count);

    /**
     * Copies elements that share a scale as e4m3 to {@code target}, from its position on, and returns the scale. Elements stored as e4m3 are copied
     * unchanged; others are rounded to nearest even, with the largest at {@link E4m3#MAX}.
     */
    default float copyAsE4m3(long from, ByteBuffer target, int count) {
        float[] values = new float[count];
        copyTo(from, values, 0, count);
        return E4m3.quantize(values, target);
    }

    /** Copies elements {@code from .. from + count} as bf16, rounded to nearest even, to {@code target} from its position on. */
    default void copyAsBfloat16(long from, ShortBuffer target, int count) {
        float[] values = new float[count];
        copyTo(from, values, 0, count);
        for (float value : values) {
            target.put(Bfloat16.of(value));
        }
    }
}
