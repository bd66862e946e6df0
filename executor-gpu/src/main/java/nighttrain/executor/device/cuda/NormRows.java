package nighttrain.executor.device.cuda;

import java.util.Map;
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
        return new KernelSource(
                "norm.cu",
                Map.of("VECTOR", Elementwise.vector(cols), "COLS", cols, "THREADS", THREADS, "LAYER", layer ? 1 : 0));
    }

    /** {@code name} is norm_rows, which does not read {@code y}, or add_norm_rows. */
    void run(String name, CudaTensor out, CudaTensor x, CudaTensor y, Norm norm) {
        CudaTensor weight = (CudaTensor) norm.weight();
        CudaTensor bias = (CudaTensor) norm.bias().orElse(norm.weight());
        modules.get(name, source(x.cols(), norm.bias().isPresent()))
                .launch(
                        streams.main(),
                        Kernel.Grid.of(x.rows(), x.tracks(), THREADS),
                        new Struct()
                                .pointer(out.address())
                                .longs(out.trackStride())
                                .pointer(x.address())
                                .longs(x.trackStride())
                                .pointer(y.address())
                                .longs(y.trackStride())
                                .pointer(weight.address())
                                .pointer(bias.address())
                                .number(norm.epsilon()));
    }
}
