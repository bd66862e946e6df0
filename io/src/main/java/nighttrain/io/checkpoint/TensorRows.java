package nighttrain.io.checkpoint;

import java.nio.ShortBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;

/** Some of a tensor's rows (of the elements of one that has one dimension), {@code first} being their first element. */
record TensorRows(String name, CheckpointTensor whole, long first, List<Long> shape) implements CheckpointTensor {
    static TensorRows of(String name, CheckpointTensor whole, long firstRow, long rows) {
        List<Long> shape = new ArrayList<>(whole.shape());
        shape.set(0, rows);
        return new TensorRows(
                name, whole, firstRow * (whole.size() / whole.shape().get(0)), List.copyOf(shape));
    }

    @Override
    public DType dtype() {
        return whole.dtype();
    }

    @Override
    public void copyTo(long from, float[] target, int targetOffset, int count) {
        Objects.checkFromIndexSize(from, (long) count, size());
        whole.copyTo(first + from, target, targetOffset, count);
    }

    @Override
    public void copyAsBfloat16(long from, ShortBuffer target, int count) {
        Objects.checkFromIndexSize(from, (long) count, size());
        whole.copyAsBfloat16(first + from, target, count);
    }
}
