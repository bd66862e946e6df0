package nighttrain.io.checkpoint;

import java.nio.ByteBuffer;
import java.nio.ShortBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;

/** Parts of stored tensors as tensors of their own: a checkpoint may keep several layers in one, or turned over. */
final class TensorViews {
    private TensorViews() {}

    /** Neighbouring elements of a tensor: some of its rows, or one of several tensors that are stacked in it. */
    record Part(String name, CheckpointTensor whole, long first, List<Long> shape) implements CheckpointTensor {
        static Part ofRows(String name, CheckpointTensor whole, long firstRow, long rows) {
            List<Long> shape = new ArrayList<>(whole.shape());
            shape.set(0, rows);
            return new Part(
                    name, whole, firstRow * (whole.size() / whole.shape().get(0)), List.copyOf(shape));
        }

        static Part ofStack(String name, CheckpointTensor whole, long index) {
            List<Long> shape = whole.shape().subList(1, whole.shape().size());
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

    /** Every {@code step}th of a tensor's rows, {@code first} being the first. Copied out a row at a time, or less. */
    record SteppedRows(String name, CheckpointTensor whole, long first, long step, List<Long> shape)
            implements CheckpointTensor {
        SteppedRows(String name, CheckpointTensor whole, long first, long step, long rows) {
            this(name, whole, first, step, rows(whole, rows));
        }

        private static List<Long> rows(CheckpointTensor whole, long rows) {
            List<Long> shape = new ArrayList<>(whole.shape());
            shape.set(0, rows);
            return List.copyOf(shape);
        }

        @Override
        public DType dtype() {
            return whole.dtype();
        }

        @Override
        public void copyTo(long from, float[] target, int targetOffset, int count) {
            Objects.checkFromIndexSize(from, (long) count, size());
            long cols = size() / shape.get(0);
            for (int done = 0; done < count; ) {
                long col = (from + done) % cols;
                int here = (int) Math.min(count - done, cols - col);
                whole.copyTo((first + (from + done) / cols * step) * cols + col, target, targetOffset + done, here);
                done += here;
            }
        }
    }

    /**
     * Columns of a stored {@code [inputs, outputs]} matrix, {@code step} apart, as rows {@code [outputs, inputs]}. Turned over once, on
     * first use: for files of GPT-2's size, or one expert at a time.
     */
    static final class TransposedColumns implements CheckpointTensor {
        private final String name;
        private final CheckpointTensor stored;
        private final long firstColumn;
        private final long step;
        private final long columns;
        private float[] rows;

        TransposedColumns(String name, CheckpointTensor stored, long firstColumn, long step, long columns) {
            this.name = name;
            this.stored = stored;
            this.firstColumn = firstColumn;
            this.step = step;
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
                float[] row = new float[Math.toIntExact((outputs - 1) * step + 1)];
                for (int input = 0; input < inputs; input++) {
                    stored.copyTo(input * stored.shape().get(1) + firstColumn, row, 0, row.length);
                    for (int output = 0; output < outputs; output++) {
                        turned[output * inputs + input] = row[(int) (output * step)];
                    }
                }
                rows = turned;
            }
            return rows;
        }
    }
}
