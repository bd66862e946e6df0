package nighttrain.io.checkpoint;

import java.nio.ByteBuffer;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import nighttrain.io.UserError;
import nighttrain.io.spec.Quantization;

/**
 * A stored e4m3 tensor with its scales: an element's value is its number times the scale of the rectangle that contains it.
 *
 * @param scales scales, row-major, {@code scaleCols} in a row
 * @param rowsPerScale rows of one scale's rectangle
 * @param colsPerScale columns of one scale's rectangle
 */
record ScaledTensor(MappedTensor stored, float[] scales, int scaleCols, long rowsPerScale, long colsPerScale)
        implements CheckpointTensor {
    /**
     * Chooses the rectangles by the shape of the scales: one scale for all, one per row, or one per block.
     *
     * @param block rows and columns of a block, where config.json has blocks
     */
    static ScaledTensor of(MappedTensor stored, CheckpointTensor scale, Optional<Quantization.Block> block) {
        long rows = stored.shape().isEmpty() ? 1 : stored.shape().get(0);
        long cols = cols(stored);
        float[] scales = new float[Math.toIntExact(scale.size())];
        scale.copyTo(0, scales, 0, scales.length);
        for (float value : scales) {
            if (!Float.isFinite(value)) {
                throw UserError.of(
                        "bad scale in " + stored.file().path(),
                        scale.name() + " " + value,
                        "finite numbers are expected; copy the file again");
            }
        }
        if (scales.length == 1) {
            return new ScaledTensor(stored, scales, 1, rows, cols);
        }
        if (scale.shape().equals(List.of(rows, 1L)) || scale.shape().equals(List.of(rows))) {
            return new ScaledTensor(stored, scales, 1, 1, cols);
        }
        if (block.isPresent()) {
            long down = (rows + block.get().rows() - 1) / block.get().rows();
            long across = (cols + block.get().cols() - 1) / block.get().cols();
            if (scale.shape().equals(List.of(down, across))) {
                return new ScaledTensor(
                        stored,
                        scales,
                        Math.toIntExact(across),
                        block.get().rows(),
                        block.get().cols());
            }
        }
        throw UserError.of(
                "wrong shape of tensor " + scale.name() + " in " + stored.file().path(),
                scale.shape(),
                "expected one scale of " + stored.name() + ", one a row"
                        + block.map(b -> ", or one a block of " + b.rows() + " x " + b.cols())
                                .orElse("")
                        + "; config.json and weights do not belong together; copy both again");
    }

    private static long cols(CheckpointTensor tensor) {
        return tensor.shape().isEmpty()
                ? 1
                : tensor.size() / Math.max(1, tensor.shape().get(0));
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
        return stored.shape();
    }

    @Override
    public float copyAsE4m3(long from, ByteBuffer target, int count) {
        long cols = cols(stored);
        long row = from / cols;
        boolean oneScale = scales.length == 1 || (colsPerScale == cols && (from + count - 1) / cols == row);
        if (!oneScale) {
            return CheckpointTensor.super.copyAsE4m3(from, target, count);
        }
        stored.copyBytes(from, target, count);
        return scales[(int) (row / rowsPerScale) * scaleCols];
    }

    @Override
    public void copyTo(long from, float[] target, int targetOffset, int count) {
        Objects.checkFromIndexSize(from, (long) count, size());
        stored.copyTo(from, target, targetOffset, count);
        long cols = cols(stored);
        for (int done = 0; done < count; ) {
            long row = (from + done) / cols;
            long col = (from + done) % cols;
            long untilNext = Math.min(cols - col, colsPerScale - col % colsPerScale);
            int end = done + (int) Math.min(count - done, untilNext);
            float scale = scales[(int) (row / rowsPerScale) * scaleCols + (int) (col / colsPerScale)];
            for (; done < end; done++) {
                target[targetOffset + done] *= scale;
            }
        }
    }
}
