package nighttrain.executor.device.cuda;

import java.util.Map;
import nighttrain.executor.device.cuda.driver.Streams;
import nighttrain.executor.device.cuda.kernel.Kernel;
import nighttrain.executor.device.cuda.kernel.KernelModules;
import nighttrain.executor.device.cuda.kernel.KernelSource;
import nighttrain.executor.device.cuda.tensor.CudaTensor;

/** What is done to each element or moves whole rows: how these kernels are specialised and called. */
record Elementwise(KernelModules modules, Streams streams) {
    private static final int ROW_THREADS = 256;
    private static final int ELEMENT_THREADS = 256;

    /** Elements that a thread moves at a time. */
    static int vector(int cols) {
        return cols % 8 == 0 ? 8 : 1;
    }

    /** {@code name} of embed.cu: embed, or add_positions. {@code indices}: where the rows of {@code table} to take stand on the device. */
    void takeRows(String name, CudaTensor x, CudaTensor table, long indices) {
        kernel("embed.cu", name, x.cols())
                .launch(
                        streams.main(),
                        Kernel.Grid.of(x.rows(), x.tracks(), ROW_THREADS),
                        x.address(),
                        x.trackStride(),
                        table.address(),
                        indices,
                        x.cols());
    }

    void gatherRows(CudaTensor out, CudaTensor x, long indices) {
        kernel("gather_rows.cu", "gather_rows", out.cols())
                .launch(
                        streams.main(),
                        Kernel.Grid.of(out.rows(), 1, ROW_THREADS),
                        out.address(),
                        x.address(),
                        indices,
                        out.cols());
    }

    void add(CudaTensor x, CudaTensor y) {
        kernel("elementwise.cu", "add", x.cols())
                .launch(
                        streams.main(),
                        elements(x),
                        x.address(),
                        x.trackStride(),
                        y.address(),
                        y.trackStride(),
                        vectors(x));
    }

    void gelu(CudaTensor x) {
        kernel("elementwise.cu", "gelu", x.cols())
                .launch(streams.main(), elements(x), x.address(), x.trackStride(), vectors(x));
    }

    void scale(CudaTensor out, CudaTensor x, float factor) {
        kernel("elementwise.cu", "scale", x.cols())
                .launch(
                        streams.main(),
                        elements(x),
                        out.address(),
                        out.trackStride(),
                        x.address(),
                        x.trackStride(),
                        vectors(x),
                        factor);
    }

    /** Of fp32 values; {@code x} of one track. */
    void softCap(CudaTensor x, float cap) {
        int count = Math.multiplyExact(x.rows(), x.cols());
        kernel("elementwise.cu", "soft_cap", x.cols())
                .launch(streams.main(), Kernel.Grid.of(blocks(count), 1, ELEMENT_THREADS), x.address(), count, cap);
    }

    void siluMul(CudaTensor out, CudaTensor gateUp) {
        gated("silu_mul", out, gateUp);
    }

    void geluMul(CudaTensor out, CudaTensor gateUp) {
        gated("gelu_mul", out, gateUp);
    }

    private void gated(String name, CudaTensor out, CudaTensor gateUp) {
        kernel("elementwise.cu", name, out.cols())
                .launch(
                        streams.main(),
                        new Kernel.Grid(
                                out.rows(), blocks(out.cols() / vector(out.cols())), out.tracks(), ELEMENT_THREADS, 0),
                        out.address(),
                        out.trackStride(),
                        gateUp.address(),
                        gateUp.trackStride(),
                        out.cols());
    }

    private Kernel kernel(String file, String name, int cols) {
        return modules.get(name, new KernelSource(file, Map.of("VECTOR", vector(cols))));
    }

    private static int vectors(CudaTensor x) {
        return Math.multiplyExact(x.rows(), x.cols()) / vector(x.cols());
    }

    private static Kernel.Grid elements(CudaTensor x) {
        return Kernel.Grid.of(blocks(vectors(x)), x.tracks(), ELEMENT_THREADS);
    }

    private static int blocks(int vectors) {
        return (vectors + ELEMENT_THREADS - 1) / ELEMENT_THREADS;
    }
}
