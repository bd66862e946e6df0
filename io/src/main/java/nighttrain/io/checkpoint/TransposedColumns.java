package nighttrain.io.checkpoint;

import java.util.List;
import java.util.Objects;

/**
 * Columns of a stored {@code [inputs, outputs]} matrix as rows {@code [outputs, inputs]}. Turned over once, on first use: for
 * files of GPT-2's size.
 */
final class TransposedColumns implements CheckpointTensor {
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
