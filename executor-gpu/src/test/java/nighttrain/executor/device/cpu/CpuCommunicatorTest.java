package nighttrain.executor.device.cpu;

import nighttrain.executor.device.AbstractCommunicatorTest;

class CpuCommunicatorTest extends AbstractCommunicatorTest {
    CpuCommunicatorTest() {
        super(new CpuBackend());
    }
}
