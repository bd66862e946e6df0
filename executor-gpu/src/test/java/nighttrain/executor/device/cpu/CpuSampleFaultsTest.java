package nighttrain.executor.device.cpu;

import nighttrain.executor.device.AbstractSampleFaultsTest;

class CpuSampleFaultsTest extends AbstractSampleFaultsTest {
    CpuSampleFaultsTest() {
        super(new CpuBackend());
    }
}
