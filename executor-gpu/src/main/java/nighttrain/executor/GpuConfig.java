package nighttrain.executor;

import java.io.Serializable;
import java.util.List;
import nighttrain.io.UserError;

/**
 * What is asked of the GPUs.
 *
 * @param devices their numbers, as the driver counts them; none: all that this process sees
 * @param memoryUtilization share of each GPU's memory that the engine may fill with weights, activations and KV cache
 * @param deterministic a sequence's text does not depend on what else is in the batch; slower
 * @param skipSums leave out the sums over ranks: the answers are wrong, the time is the bound that communication is held against
 */
public record GpuConfig(List<Integer> devices, double memoryUtilization, boolean deterministic, boolean skipSums)
        implements Serializable {
    public GpuConfig {
        devices = List.copyOf(devices);
        if (!(memoryUtilization > 0 && memoryUtilization <= 1)) {
            throw UserError.of(
                    "bad value of --gpu-memory-utilization",
                    memoryUtilization,
                    "above 0, at most 1; leave it out for the default");
        }
    }

    /** The same on these GPUs. */
    public GpuConfig on(List<Integer> numbers) {
        return new GpuConfig(numbers, memoryUtilization, deterministic, skipSums);
    }

    /** The same without sums over ranks. */
    public GpuConfig withoutSums() {
        return new GpuConfig(devices, memoryUtilization, deterministic, true);
    }

    public static GpuConfig defaults() {
        return new GpuConfig(List.of(), 0.90, false, false);
    }
}
