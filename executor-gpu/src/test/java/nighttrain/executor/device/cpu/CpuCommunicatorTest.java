package nighttrain.executor.device.cpu;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import nighttrain.executor.device.AbstractCommunicatorTest;
import nighttrain.executor.device.Device;
import nighttrain.executor.device.Tensor;
import org.junit.jupiter.api.Test;

class CpuCommunicatorTest extends AbstractCommunicatorTest {
    CpuCommunicatorTest() {
        super(new CpuBackend());
    }

    /** A rank continues with its own part although no other rank arrives. */
    @Test
    void sumsThatAreLeftOutWaitForNobody() {
        List<Device> devices = CpuDevice.ranks(2, 1, true);
        try {
            Device alone = devices.get(0);
            float[] values = {1, 2, 3, 4, 5, 6};
            Tensor part = alone.tensor("part", 1, 2, 3);
            alone.write(part, values);

            assertThat(alone.read(alone.communicator().allReduce(part).await())).isEqualTo(values);
            assertThat(alone.communicator().waitedNanos()).isZero();
        } finally {
            devices.forEach(Device::close);
        }
    }
}
