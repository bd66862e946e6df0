package nighttrain.executor.device.cuda;

import java.util.Map;
import nighttrain.executor.device.Norm;

/** Norms of rows, a row to a block: how their kernels are specialised and called. */
record NormRows(KernelModules modules, Streams streams) {
    static final int THREADS = 256;

    void norm(CudaTensor out, CudaTensor x, Norm norm) {
        kernel("norm_rows", x, norm).launch(streams.main(), grid(x), arguments(out, x, norm));
    }

    void addNorm(CudaTensor out, CudaTensor x, CudaTensor y, Norm norm) {
        kernel("add_norm_rows", x, norm)
                .launch(streams.main(), grid(x), arguments(out, x, norm), y.address(), y.trackStride());
    }

    private Kernel kernel(String name, CudaTensor x, Norm norm) {
        return modules.get(
                name, new KernelSource("norm.cu", defines(x.cols(), norm.bias().isPresent())));
    }

    private static Kernel.Grid grid(CudaTensor x) {
        return Kernel.Grid.of(x.rows(), x.tracks(), THREADS);
    }

    static Map<String, Integer> defines(int cols, boolean layer) {
        return Map.of("VECTOR", CudaKernels.vector(cols), "COLS", cols, "THREADS", THREADS, "LAYER", layer ? 1 : 0);
    }

    private static Struct arguments(CudaTensor out, CudaTensor x, Norm norm) {
        return write(new Struct(), out, x, norm);
    }

    /** Appends norm.cuh's {@code Normed}. */
    static Struct write(Struct to, CudaTensor out, CudaTensor x, Norm norm) {
        return to.pointer(out.address())
                .longs(out.trackStride())
                .pointer(x.address())
                .longs(x.trackStride())
                .pointer(((CudaTensor) norm.weight()).address())
                .pointer(((CudaTensor) norm.bias().orElse(norm.weight())).address())
                .number(norm.epsilon());
    }
}
