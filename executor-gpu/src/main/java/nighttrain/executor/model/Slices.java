package nighttrain.executor.model;

import java.util.List;
import nighttrain.executor.device.Matrix;
import nighttrain.io.checkpoint.CheckpointTensor;

/** Rectangles cut from a checkpoint's tensors, one below the other: the rows of one matrix, read straight from the file. */
record Slices(List<Slice> slices) implements Matrix.Rows {
    /** {@code rows} rows from {@code firstRow} on, {@code cols} columns from {@code firstCol} on, of a {@code stride} wide tensor. */
    record Slice(CheckpointTensor tensor, int firstRow, int rows, int firstCol, int cols, int stride) {
        void read(int row, float[] target) {
            tensor.copyTo((long) (firstRow + row) * stride + firstCol, target, 0, cols);
        }
    }

    int outputs() {
        return slices.stream().mapToInt(Slice::rows).sum();
    }

    int inputs() {
        return slices.get(0).cols();
    }

    @Override
    public void read(int track, int output, float[] target) {
        int row = output;
        for (Slice slice : slices) {
            if (row < slice.rows()) {
                slice.read(row, target);
                return;
            }
            row -= slice.rows();
        }
        throw new IndexOutOfBoundsException("row of a matrix: " + output + " (it has " + outputs() + ")");
    }
}
