package nighttrain.executor.device.cuda.matmul;

import nighttrain.executor.device.cuda.matmul.Fp8Operands.Operand;
import nighttrain.executor.device.cuda.matmul.TensorMaps.Tiled;
import nighttrain.executor.device.cuda.tensor.CudaTensor;
import nighttrain.io.spec.WeightFormat;

/**
 * The operand of a matrix: {@code [tracks, rows, cols]} in bf16, or in e4m3 with a scale per row.
 *
 * @param capacity rows of a track that there is room for
 * @param scales address of {@code [tracks, capacity]} scales in fp32; 0 for bf16
 */
public record Rows(long address, int tracks, int rows, int capacity, int cols, long trackStride, long scales) {
    public static Rows of(CudaTensor x) {
        return new Rows(x.address(), x.tracks(), x.rows(), x.capacityRows(), x.cols(), x.trackStride(), 0);
    }

    /** Returns {@code x} in 8 bits. */
    public static Rows of(CudaTensor x, Operand codes) {
        return new Rows(
                codes.codes(),
                x.tracks(),
                x.rows(),
                codes.capacityRows(),
                x.cols(),
                (long) codes.capacityRows() * x.cols(),
                codes.scales());
    }

    WeightFormat format() {
        return scales == 0 ? WeightFormat.PLAIN : WeightFormat.FP8;
    }

    int elementBytes() {
        return scales == 0 ? CudaTensor.BF16 : 1;
    }

    Tiled tiled(int boxRows) {
        return Tiled.rows(address, elementBytes(), tracks, capacity, cols, trackStride, boxRows);
    }
}
