package nighttrain.executor.request;

import java.util.OptionalDouble;
import java.util.OptionalLong;

/**
 * What one GPU of an engine says of itself at one moment, as {@code nvidia-smi} shows it: other processes on the same GPU count
 * too. Each value may be missing where the GPU does not tell (a MIG slice tells no utilization).
 *
 * @param device the GPU's number, as the driver counts them
 * @param utilization share of the driver's last sampling period, a second at most, in which a kernel ran, 0 to 1
 * @param memoryBytes memory in use
 * @param watts power drawn
 */
public record DeviceReading(int device, OptionalDouble utilization, OptionalLong memoryBytes, OptionalDouble watts) {}
