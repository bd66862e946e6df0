package nighttrain.executor.device.cpu;

import nighttrain.executor.device.AbstractSampleTest;

class CpuSampleTest extends AbstractSampleTest {
    CpuSampleTest() {
        super(new CpuBackend());
    }
}
