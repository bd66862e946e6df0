package nighttrain.executor.device.cuda.recurrent;

import java.util.HashMap;
import java.util.Map;
import nighttrain.executor.device.RecurrentOps;
import nighttrain.executor.device.cuda.kernel.KernelSource;
import nighttrain.io.spec.StateFormat;

/**
 * States of one layer on one GPU: {@code [track][slot][elements]}.
 *
 * @param trackStride distance between tracks, in elements
 */
public record CudaStates(long address, long trackStride, int tracks, int elements, StateFormat format)
        implements RecurrentOps.States {
    /** Returns the build of a kernel for states in this format. */
    KernelSource build(KernelSource source) {
        return format == StateFormat.BF16 ? ofBf16(source) : source;
    }

    /** Returns the build of a kernel for states in bf16. */
    public static KernelSource ofBf16(KernelSource source) {
        Map<String, Integer> defines = new HashMap<>(source.defines());
        defines.put("BF16_STATES", 1);
        return new KernelSource(source.file(), defines);
    }
}
