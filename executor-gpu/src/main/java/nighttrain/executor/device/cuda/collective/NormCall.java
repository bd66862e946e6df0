package nighttrain.executor.device.cuda.collective;

import java.util.Map;
import nighttrain.executor.device.Ops.Norm;
import nighttrain.executor.device.cuda.kernel.Struct;
import nighttrain.executor.device.cuda.tensor.CudaTensor;

/**
 * The arguments of a kernel that norms rows by norm.cuh.
 *
 * @param defines its compile-time constants
 * @param argument its {@code Normed}
 */
public record NormCall(Map<String, Integer> defines, Struct argument) {
    public static final int THREADS = 256;

    /** Makes the arguments of {@code x += y; out = norm(x)} for a kernel that computes {@code y} itself. */
    @FunctionalInterface
    public interface OfAddition {
        NormCall addition(CudaTensor out, CudaTensor x, Norm norm);
    }
}
