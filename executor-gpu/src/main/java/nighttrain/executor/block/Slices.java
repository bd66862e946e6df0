package nighttrain.executor.block;

import java.nio.ShortBuffer;
import java.util.List;
import nighttrain.executor.device.Matrix;
import nighttrain.io.checkpoint.CheckpointTensor;

/** Rectangles cut from a checkpoint's tensors, one below the other: the rows of one matrix, read straight from the file. */
record Slices(List<Slice> slices) implements Matrix.Rows {
    /** {@code rows} rows from {@code firstRow} on, {@code cols} columns from {@code firstCol} on, of a {@code stride} wide tensor. */
    record Slice(CheckpointTensor tensor, int firstRow, int rows, int firstCol, int cols, int stride) {
        private long start(int row) {
            return (long) (firstRow + row) * stride + firstCol;
        }

        void read(int row, float[] target) {
            tensor.copyTo(start(row), target, 0, cols);
        }

        void readBfloat16(int row, ShortBuffer target) {
            tensor.copyAsBfloat16(start(row), target, cols);
        }
    }

    int outputs() {
        return slices.stream().mapToInt(Slice::rows).sum();
    }

    int inputs() {
        return slices.get(0).cols();
    }

    /** The same rows as those of several tracks, {@code outputs} each. */
    Matrix.Rows perTrack(int outputs) {
        return new Matrix.Rows() {
            @Override
            public void read(int track, int output, float[] target) {
                Slices.this.read(0, track * outputs + output, target);
            }

            @Override
            public void readBfloat16(int track, int output, int inputs, ShortBuffer target) {
                Slices.this.readBfloat16(0, track * outputs + output, inputs, target);
            }
        };
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
        throw noRow(output);
    }

    @Override
    public void readBfloat16(int track, int output, int inputs, ShortBuffer target) {
        int row = output;
        for (Slice slice : slices) {
            if (row < slice.rows()) {
                slice.readBfloat16(row, target);
                return;
            }
            row -= slice.rows();
        }
        throw noRow(output);
    }

    private IndexOutOfBoundsException noRow(int output) {
        return new IndexOutOfBoundsException("row of a matrix: " + output + " (it has " + outputs() + ")");
    }
}
