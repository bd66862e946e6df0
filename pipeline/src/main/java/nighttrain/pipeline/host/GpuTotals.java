package nighttrain.pipeline.host;

import java.util.Arrays;
import java.util.List;
import java.util.OptionalDouble;
import java.util.OptionalLong;
import nighttrain.executor.request.DeviceReading;

/**
 * What an engine's GPUs say of themselves, together; null where none tells.
 *
 * @param utilization mean share of time in which they were busy, 0 to 1
 * @param memoryBytes memory in use
 * @param watts power drawn
 */
record GpuTotals(Double utilization, Long memoryBytes, Double watts) {
    static GpuTotals of(List<DeviceReading> devices) {
        double[] utilizations = devices.stream()
                .map(DeviceReading::utilization)
                .flatMapToDouble(OptionalDouble::stream)
                .toArray();
        long[] bytes = devices.stream()
                .map(DeviceReading::memoryBytes)
                .flatMapToLong(OptionalLong::stream)
                .toArray();
        double[] watts = devices.stream()
                .map(DeviceReading::watts)
                .flatMapToDouble(OptionalDouble::stream)
                .toArray();
        return new GpuTotals(
                utilizations.length == 0 ? null : Arrays.stream(utilizations).sum() / utilizations.length,
                bytes.length == 0 ? null : Arrays.stream(bytes).sum(),
                watts.length == 0 ? null : Arrays.stream(watts).sum());
    }
}
