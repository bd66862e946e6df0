package nighttrain.executor.device.cuda;

import java.util.Map;
import java.util.stream.IntStream;
import nighttrain.executor.device.Norm;
import nighttrain.executor.device.cuda.driver.Streams;
import nighttrain.executor.device.cuda.kernel.Kernel;
import nighttrain.executor.device.cuda.kernel.KernelModules;
import nighttrain.executor.device.cuda.kernel.KernelSource;
import nighttrain.executor.device.cuda.kernel.Struct;
import nighttrain.executor.device.cuda.tensor.CudaTensor;

/** Norms of rows, a row to a block: how their kernels are specialised and called. */
record NormRows(KernelModules modules, Streams streams) {
    private static final int THREADS = 256;

    static KernelSource source(int cols, boolean layer) {
        return source(Elementwise.vector(cols), cols, layer);
    }

    private static KernelSource source(int vector, int cols, boolean layer) {
        return new KernelSource(
                "norm.cu", Map.of("VECTOR", vector, "COLS", cols, "THREADS", THREADS, "LAYER", layer ? 1 : 0));
    }

    /** {@code name} is norm_rows, which does not read {@code y}, or add_norm_rows. */
    void run(String name, CudaTensor out, CudaTensor x, CudaTensor y, Norm norm) {
        launch(name, source(x.cols(), norm.bias().isPresent()), out, x, y, 0, norm);
    }

    /** In place, of the columns from {@code firstCol} on that {@code norm} has weights for. */
    void columns(CudaTensor x, int firstCol, Norm norm) {
        int cols = norm.weight().cols();
        int vector = IntStream.of(x.cols(), firstCol, cols)
                .map(Elementwise::vector)
                .min()
                .getAsInt();
        launch("norm_rows", source(vector, cols, norm.bias().isPresent()), x, x, x, firstCol, norm);
    }

    /** Rows of all three are as wide as {@code x}; {@code firstCol} is the first column that the kernel sees. */
    private void launch(
            String name, KernelSource source, CudaTensor out, CudaTensor x, CudaTensor y, int firstCol, Norm norm) {
        CudaTensor weight = (CudaTensor) norm.weight();
        CudaTensor bias = (CudaTensor) norm.bias().orElse(norm.weight());
        long offset = (long) firstCol * CudaTensor.BF16;
        modules.get(name, source)
                .launch(
                        streams.main(),
                        Kernel.Grid.of(x.rows(), x.tracks(), THREADS),
                        new Struct()
                                .pointer(out.address() + offset)
                                .longs(out.trackStride())
                                .pointer(x.address() + offset)
                                .longs(x.trackStride())
                                .pointer(y.address() + offset)
                                .longs(y.trackStride())
                                .pointer(weight.address())
                                .pointer(bias.address())
                                .number(norm.epsilon())
                                .integer(x.cols()));
    }
}
