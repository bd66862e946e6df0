package nighttrain.io.checkpoint;

import java.nio.ByteBuffer;
import java.nio.ShortBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import nighttrain.io.spec.Parameter.Linear;

/** Parts of stored tensors as tensors of their own: a checkpoint may keep several layers in one, or turned over. */
final class TensorViews {
    private TensorViews() {}

    /** A linear layer's outputs of a tensor, which are rows of its weight and elements of its bias. */
    static CheckpointTensor outputs(Linear linear, String name, CheckpointTensor whole) {
        if (linear.isStoredPlainly()) {
            return whole;
        }
        Linear.Storage storage = linear.storage();
        return storage.runs().isEmpty()
                ? Rows.of(name, whole, storage.firstOutput(), linear.outputs())
                : RowRuns.of(
                        name,
                        whole,
                        storage.firstOutput(),
                        linear.outputs(),
                        storage.runs().get());
    }

    /** Some of a tensor's rows (of the elements of one that has one dimension), {@code first} being their first element. */
    record Rows(String name, CheckpointTensor whole, long first, List<Long> shape) implements CheckpointTensor {
        static Rows of(String name, CheckpointTensor whole, long firstRow, long rows) {
            List<Long> shape = new ArrayList<>(whole.shape());
            shape.set(0, rows);
            return new Rows(
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

        @Override
        public float copyAsE4m3(long from, ByteBuffer target, int count) {
            Objects.checkFromIndexSize(from, (long) count, size());
            return whole.copyAsE4m3(first + from, target, count);
        }
    }

    /**
     * Some of a tensor's rows, which lie in it in runs of equal length and distance.
     *
     * @param first their first element
     * @param length elements of a run
     * @param stride elements from the beginning of one run to that of the next
     * @param shape of the rows
     */
    record RowRuns(String name, CheckpointTensor whole, long first, long length, long stride, List<Long> shape)
            implements CheckpointTensor {
        static RowRuns of(String name, CheckpointTensor whole, long firstRow, long rows, Linear.Runs runs) {
            List<Long> shape = new ArrayList<>(whole.shape());
            shape.set(0, rows);
            long row = whole.size() / whole.shape().get(0);
            return new RowRuns(
                    name, whole, firstRow * row, runs.length() * row, runs.stride() * row, List.copyOf(shape));
        }

        @Override
        public DType dtype() {
            return whole.dtype();
        }

        @Override
        public void copyTo(long from, float[] target, int targetOffset, int count) {
            Objects.checkFromIndexSize(from, (long) count, size());
            for (int done = 0; done < count; ) {
                int piece = inRun(from + done, count - done);
                whole.copyTo(at(from + done), target, targetOffset + done, piece);
                done += piece;
            }
        }

        @Override
        public void copyAsBfloat16(long from, ShortBuffer target, int count) {
            Objects.checkFromIndexSize(from, (long) count, size());
            for (int done = 0; done < count; ) {
                int piece = inRun(from + done, count - done);
                whole.copyAsBfloat16(at(from + done), target, piece);
                done += piece;
            }
        }

        @Override
        public float copyAsE4m3(long from, ByteBuffer target, int count) {
            Objects.checkFromIndexSize(from, (long) count, size());
            return inRun(from, count) == count
                    ? whole.copyAsE4m3(at(from), target, count)
                    : CheckpointTensor.super.copyAsE4m3(from, target, count);
        }

        private long at(long element) {
            return first + element / length * stride + element % length;
        }

        /** Of {@code count} elements those that are in the run of the first. */
        private int inRun(long element, int count) {
            return (int) Math.min(count, length - element % length);
        }
    }

    /**
     * Columns of a stored {@code [inputs, outputs]} matrix as rows {@code [outputs, inputs]}. Turned over once, on first use: for
     * files of GPT-2's size.
     */
    static final class TransposedColumns implements CheckpointTensor {
        private final String name;
        private final CheckpointTensor stored;
        private final long firstColumn;
        private final long columns;
        private float[] rows;

        TransposedColumns(String name, CheckpointTensor stored, long firstColumn, long columns) {
            this.name = name;
            this.stored = stored;
            this.firstColumn = firstColumn;
            this.columns = columns;
        }

        @Override
        public String name() {
            return name;
        }

        @Override
        public DType dtype() {
            return stored.dtype();
        }

        @Override
        public List<Long> shape() {
            return List.of(columns, stored.shape().get(0));
        }

        @Override
        public void copyTo(long from, float[] target, int targetOffset, int count) {
            Objects.checkFromIndexSize(from, (long) count, size());
            System.arraycopy(rows(), Math.toIntExact(from), target, targetOffset, count);
        }

        private synchronized float[] rows() {
            if (rows == null) {
                int inputs = Math.toIntExact(stored.shape().get(0));
                int outputs = Math.toIntExact(columns);
                float[] turned = new float[Math.multiplyExact(inputs, outputs)];
                float[] row = new float[outputs];
                for (int input = 0; input < inputs; input++) {
                    stored.copyTo(input * stored.shape().get(1) + firstColumn, row, 0, outputs);
                    for (int output = 0; output < outputs; output++) {
                        turned[output * inputs + input] = row[output];
                    }
                }
                rows = turned;
            }
            return rows;
        }
    }
}
