package nighttrain.executor.device.cuda;

import java.util.Map;
import java.util.Optional;
import nighttrain.executor.device.Ops.Norm;
import nighttrain.executor.device.cuda.collective.NormCall;
import nighttrain.executor.device.cuda.driver.Streams;
import nighttrain.executor.device.cuda.kernel.Kernel;
import nighttrain.executor.device.cuda.kernel.KernelModules;
import nighttrain.executor.device.cuda.kernel.KernelSource;
import nighttrain.executor.device.cuda.kernel.Struct;
import nighttrain.executor.device.cuda.matmul.Fp8Operands;
import nighttrain.executor.device.cuda.matmul.Fp8Operands.Operand;
import nighttrain.executor.device.cuda.tensor.CudaTensor;

/** Norms of rows. Rows are also quantised if matrices in 8 bits have as many inputs. */
final class CudaNorms implements NormCall.OfAddition {
    private final KernelModules modules;
    private final Streams streams;
    private final Fp8Operands fp8;

    CudaNorms(KernelModules modules, Streams streams, Fp8Operands fp8) {
        this.modules = modules;
        this.streams = streams;
        this.fp8 = fp8;
    }

    void norm(CudaTensor out, CudaTensor x, Norm norm) {
        launch("norm_rows", call(out, x, x, norm), x);
    }

    void addNorm(CudaTensor out, CudaTensor x, CudaTensor y, Norm norm) {
        launch("add_norm_rows", call(out, x, y, norm), x);
    }

    @Override
    public NormCall addition(CudaTensor out, CudaTensor x, Norm norm) {
        return call(out, x, x, norm);
    }

    private NormCall call(CudaTensor out, CudaTensor x, CudaTensor y, Norm norm) {
        fp8.forget();
        Optional<Operand> operand = fp8.writing(out);
        Map<String, Integer> defines =
                defines(CudaTensor.vector(x.cols()), x.cols(), norm.bias().isPresent(), operand.isPresent());
        return call(defines, out, x, y, 0, norm, operand);
    }

    /** Norms columns from {@code firstCol} on in place; this is the first column that the kernel sees. */
    void normColumns(CudaTensor x, int firstCol, Norm norm) {
        int cols = norm.weight().cols();
        fp8.forget();
        int vector = CudaTensor.vector(x.cols(), firstCol, cols);
        Map<String, Integer> defines = defines(vector, cols, norm.bias().isPresent(), false);
        launch("norm_rows", call(defines, x, x, x, firstCol, norm, Optional.empty()), x);
    }

    static KernelSource source(int cols, boolean layer, boolean quantize) {
        return new KernelSource("norm.cu", defines(CudaTensor.vector(cols), cols, layer, quantize));
    }

    private static Map<String, Integer> defines(int vector, int cols, boolean layer, boolean quantize) {
        return Map.of(
                "VECTOR",
                vector,
                "COLS",
                cols,
                "THREADS",
                NormCall.THREADS,
                "LAYER",
                layer ? 1 : 0,
                "QUANTIZE",
                quantize ? 1 : 0);
    }

    /** Launches the kernel {@code name}: norm_rows, which does not read {@code y}, or add_norm_rows. */
    private void launch(String name, NormCall call, CudaTensor x) {
        modules.get(name, new KernelSource("norm.cu", call.defines()))
                .launch(streams.main(), Kernel.Grid.of(x.rows(), x.tracks(), NormCall.THREADS), call.argument());
    }

    /** Rows of {@code out} and {@code y} are as wide as those of {@code x}. */
    private static NormCall call(
            Map<String, Integer> defines,
            CudaTensor out,
            CudaTensor x,
            CudaTensor y,
            int firstCol,
            Norm norm,
            Optional<Operand> operand) {
        CudaTensor weight = (CudaTensor) norm.weight();
        CudaTensor bias = (CudaTensor) norm.bias().orElse(norm.weight());
        long offset = (long) firstCol * CudaTensor.BF16;
        return new NormCall(
                defines,
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
                        .integer(x.cols())
                        .integer(operand.map(Operand::capacityRows).orElse(0))
                        .pointer(operand.map(Operand::codes).orElse(0L))
                        .pointer(operand.map(Operand::scales).orElse(0L)));
    }
}
