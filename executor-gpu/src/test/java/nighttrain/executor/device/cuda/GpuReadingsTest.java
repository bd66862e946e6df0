package nighttrain.executor.device.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.stream.IntStream;
import nighttrain.executor.request.EngineStats.DeviceReading;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

@Tag("gpu")
class GpuReadingsTest {
    @Test
    void everyGpuTellsMemoryAndWatts() {
        List<Integer> all = IntStream.range(0, CudaDevices.count()).boxed().toList();
        List<DeviceReading> readings = GpuReadings.of(all).read();
        assertThat(readings).extracting(DeviceReading::device).isEqualTo(all);
        assertThat(readings).allSatisfy(gpu -> {
            long total = CudaDevices.memory(gpu.device()).totalBytes();
            assertThat(gpu.memoryBytes().orElseThrow()).isBetween(1L, 2 * total);
            assertThat(gpu.watts().orElseThrow()).isBetween(1.0, 2_000.0);
            assertThat(gpu.utilization().orElseThrow()).isBetween(0.0, 1.0);
        });
    }
}
