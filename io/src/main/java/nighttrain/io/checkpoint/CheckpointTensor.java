package nighttrain.io.checkpoint;

import java.util.List;

/**
 * One tensor of a checkpoint, row-major, memory-mapped: nothing is read until it is copied out, and it is copied once.
 * Safe for use by several threads.
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
}
