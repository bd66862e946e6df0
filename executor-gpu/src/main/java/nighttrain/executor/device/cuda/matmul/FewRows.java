package nighttrain.executor.device.cuda.matmul;

import java.util.Map;
import nighttrain.executor.device.cuda.driver.CudaContext;
import nighttrain.executor.device.cuda.driver.Streams;
import nighttrain.executor.device.cuda.kernel.Kernel;
import nighttrain.executor.device.cuda.kernel.KernelModules;
import nighttrain.executor.device.cuda.kernel.KernelSource;
import nighttrain.executor.device.cuda.kernel.Struct;
import nighttrain.executor.device.cuda.tensor.CudaTensor;
import nighttrain.io.spec.WeightFormat;

/** Matmuls of few rows, by a kernel that reads the weights at the memory rate. It starts to read them before the rows are computed. */
public final class FewRows {
    /** Most rows that this kernel multiplies; cuBLASLt multiplies more. */
    private static final int MOST_ROWS = 8;

    private static final int ALIGNED_BYTES = 16;
    private static final int THREADS = 256;
    private static final int BLOCKS = 2; // per multiprocessor

    private final KernelModules modules;
    private final Streams streams;
    private final int blocks;
    private final boolean wanted;

    /** Serves no matmul if {@code wanted} is false. */
    public FewRows(CudaContext context, KernelModules modules, Streams streams, boolean wanted) {
        this.modules = modules;
        this.streams = streams;
        this.blocks = BLOCKS * context.multiprocessors();
        this.wanted = wanted;
    }

    public boolean serves(CudaTensor x, CudaMatrix matrix) {
        return wanted
                && x.rows() <= MOST_ROWS
                && matrix.inputs() * elementBytes(matrix) % ALIGNED_BYTES == 0
                && x.trackStride() * CudaTensor.BF16 % ALIGNED_BYTES == 0;
    }

    private static int elementBytes(CudaMatrix matrix) {
        return matrix.format() == WeightFormat.FP8 ? 1 : CudaTensor.BF16;
    }

    /** Returns whether {@link #runActivated} serves these operands. */
    public boolean activates(CudaTensor x, CudaMatrix matrix) {
        return serves(x, matrix) && matrix.format() == WeightFormat.PLAIN;
    }

    /** {@code out[t] = x[t] W[t]^T + bias[t]}; rows of the number format of the matrix. */
    void run(CudaTensor out, Rows x, CudaMatrix matrix) {
        launch(out, x, matrix, false);
    }

    /** {@code out[t] = silu(x[t] G[t]^T) * (x[t] U[t]^T)}; the matrix holds the rows of G, then the rows of U. */
    public void runActivated(CudaTensor out, CudaTensor x, CudaMatrix matrix) {
        launch(out, Rows.of(x), matrix, true);
    }

    private void launch(CudaTensor out, Rows x, CudaMatrix matrix, boolean gated) {
        int unit = gated ? 8 : 16;
        int units = matrix.tracks() * ((out.cols() + unit - 1) / unit);
        modules.get(
                        "linear_few_rows",
                        source(matrix.inputs(), gated, matrix.format(), out.elementBytes() != CudaTensor.BF16))
                .launch(
                        streams.main(),
                        Kernel.Grid.of(Math.min(units, blocks), 1, THREADS),
                        new Struct()
                                .pointer(out.address())
                                .longs(out.trackStride())
                                .pointer(x.address())
                                .longs(x.trackStride() * elementBytes(matrix))
                                .pointer(matrix.address())
                                .pointer(matrix.biasFp32Address())
                                .pointer(x.scales())
                                .longs(x.capacity())
                                .pointer(matrix.scalesAddress())
                                .integer(matrix.tracks())
                                .integer(x.rows())
                                .integer(out.cols()));
    }

    public static KernelSource source(int inputs, boolean gated, WeightFormat format, boolean fp32) {
        return new KernelSource(
                "linear_few_rows.cu",
                Map.of(
                        "INPUTS",
                        inputs,
                        "GATED",
                        gated ? 1 : 0,
                        "FP8",
                        format == WeightFormat.FP8 ? 1 : 0,
                        "FP32",
                        fp32 ? 1 : 0));
    }
}
