package nighttrain.executor.device.cuda.collective;

import java.util.Map;
import nighttrain.executor.device.Ops.Norm;
import nighttrain.executor.device.cuda.kernel.Struct;
import nighttrain.executor.device.cuda.tensor.CudaTensor;

/**
 * What a kernel that norms rows by norm.cuh is given.
 *
 * @param defines its compile-time constants
 * @param argument its {@code Normed}
 */
public record NormCall(Map<String, Integer> defines, Struct argument) {
    public static final int THREADS = 256;

    /** {@code x += y; out = norm(x)} of rows whose {@code y} the kernel finds by itself. */
    @FunctionalInterface
    public interface OfAddition {
        NormCall addition(CudaTensor out, CudaTensor x, Norm norm);
    }
}
