package nighttrain.io.checkpoint;

import java.nio.ByteBuffer;
import java.nio.ShortBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import nighttrain.io.spec.Parameter.Linear;

/** Parts of stored tensors as tensors of their own: a checkpoint may store several layers in one tensor, or transposed. */
final class TensorViews {
    private TensorViews() {}

    /** Returns a linear layer's outputs: rows of its weight's tensor, or elements of its bias's tensor. */
    static CheckpointTensor outputs(Linear linear, CheckpointTensor whole) {
        if (!linear.storage().order().equals(Linear.Order.ADJACENT)) {
            return OrderedRows.of(linear, whole);
        }
        return linear.storage().outputs() == linear.outputs()
                ? whole
                : Part.ofRows(whole, linear.storage().firstOutput(), linear.outputs());
    }

    /** Contiguous elements of a tensor: some of its rows, or one of several tensors stacked in it. */
    record Part(String name, CheckpointTensor whole, long first, List<Long> shape) implements CheckpointTensor {
        private static Part ofRows(CheckpointTensor whole, long firstRow, long rows) {
            List<Long> shape = new ArrayList<>(whole.shape());
            shape.set(0, rows);
            return new Part(
                    whole.name(),
                    whole,
                    firstRow * (whole.size() / whole.shape().get(0)),
                    List.copyOf(shape));
        }

        static Part ofStack(String name, CheckpointTensor whole, long index) {
            List<Long> shape =
                    List.copyOf(whole.shape().subList(1, whole.shape().size()));
            return new Part(name, whole, index * (whole.size() / whole.shape().get(0)), shape);
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

        @Override
        public float copyAsE4m3(long from, ByteBuffer target, int count) {
            Objects.checkFromIndexSize(from, (long) count, size());
            return whole.copyAsE4m3(first + from, target, count);
        }
    }

    /**
     * Some of a tensor's rows in the layer's order, whatever their order in the tensor.
     *
     * @param first index of the first of these rows in the tensor
     */
    record OrderedRows(String name, CheckpointTensor whole, long first, Linear.Order order, List<Long> shape)
            implements CheckpointTensor {
        static OrderedRows of(Linear linear, CheckpointTensor whole) {
            List<Long> shape = new ArrayList<>(whole.shape());
            shape.set(0, (long) linear.outputs());
            return new OrderedRows(
                    whole.name(),
                    whole,
                    linear.storage().firstOutput(),
                    linear.storage().order(),
                    List.copyOf(shape));
        }

        @Override
        public DType dtype() {
            return whole.dtype();
        }

        @Override
        public void copyTo(long from, float[] target, int targetOffset, int count) {
            Objects.checkFromIndexSize(from, (long) count, size());
            for (int done = 0; done < count; ) {
                int piece = together(from + done, count - done);
                whole.copyTo(place(from + done), target, targetOffset + done, piece);
                done += piece;
            }
        }

        @Override
        public void copyAsBfloat16(long from, ShortBuffer target, int count) {
            Objects.checkFromIndexSize(from, (long) count, size());
            for (int done = 0; done < count; ) {
                int piece = together(from + done, count - done);
                whole.copyAsBfloat16(place(from + done), target, piece);
                done += piece;
            }
        }

        @Override
        public float copyAsE4m3(long from, ByteBuffer target, int count) {
            Objects.checkFromIndexSize(from, (long) count, size());
            return together(from, count) == count
                    ? whole.copyAsE4m3(place(from), target, count)
                    : CheckpointTensor.super.copyAsE4m3(from, target, count);
        }

        private long cols() {
            return size() / shape.get(0);
        }

        private long place(long element) {
            return (first + order.place(element / cols())) * cols() + element % cols();
        }

        /** Returns how many of {@code count} elements, from the first on, are contiguous in the tensor, too. */
        private int together(long element, int count) {
            long rows = order.together(element / cols());
            return rows > count ? count : (int) Math.min(count, rows * cols() - element % cols());
        }
    }

    /**
     * Columns of a stored {@code [inputs, outputs]} matrix as rows. The matrix is transposed once, on first use: meant for files of GPT-2's size, or
     * one expert at a time.
     */
    static final class TransposedColumns implements CheckpointTensor {
        private final Linear linear;
        private final CheckpointTensor stored;
        private float[] rows;

        TransposedColumns(Linear linear, CheckpointTensor stored) {
            this.linear = linear;
            this.stored = stored;
        }

        @Override
        public String name() {
            return stored.name();
        }

        @Override
        public DType dtype() {
            return stored.dtype();
        }

        @Override
        public List<Long> shape() {
            return List.of((long) linear.outputs(), stored.shape().get(0));
        }

        @Override
        public void copyTo(long from, float[] target, int targetOffset, int count) {
            Objects.checkFromIndexSize(from, (long) count, size());
            System.arraycopy(rows(), Math.toIntExact(from), target, targetOffset, count);
        }

        private synchronized float[] rows() {
            if (rows == null) {
                int inputs = linear.inputs();
                int outputs = linear.outputs();
                Linear.Storage storage = linear.storage();
                float[] turned = new float[Math.multiplyExact(inputs, outputs)];
                float[] row = new float[storage.outputs()];
                for (int input = 0; input < inputs; input++) {
                    stored.copyTo((long) input * row.length, row, 0, row.length);
                    for (int output = 0; output < outputs; output++) {
                        turned[output * inputs + input] = row[
                                storage.firstOutput() + (int) storage.order().place(output)];
                    }
                }
                rows = turned;
            }
            return rows;
        }
    }
}
