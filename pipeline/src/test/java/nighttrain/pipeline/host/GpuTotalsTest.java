package nighttrain.pipeline.host;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.OptionalDouble;
import java.util.OptionalLong;
import nighttrain.executor.request.EngineStats.DeviceReading;
import nighttrain.pipeline.host.MetricsSampler.GpuTotals;
import org.junit.jupiter.api.Test;

class GpuTotalsTest {
    @Test
    void gpusCountTogetherAndThoseThatDoNotTellNotAtAll() {
        DeviceReading busy = new DeviceReading(0, OptionalDouble.of(0.9), OptionalLong.of(70), OptionalDouble.of(600));
        DeviceReading lazy = new DeviceReading(1, OptionalDouble.of(0.1), OptionalLong.of(30), OptionalDouble.of(100));
        DeviceReading slice = new DeviceReading(2, OptionalDouble.empty(), OptionalLong.of(5), OptionalDouble.empty());
        assertThat(GpuTotals.of(List.of(busy, lazy, slice))).isEqualTo(new GpuTotals(0.5, 105L, 700.0));
        assertThat(GpuTotals.of(List.of())).isEqualTo(new GpuTotals(null, null, null));
    }
}
