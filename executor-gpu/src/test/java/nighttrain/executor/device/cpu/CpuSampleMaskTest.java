package nighttrain.executor.device.cpu;

import nighttrain.executor.device.AbstractSampleMaskTest;

class CpuSampleMaskTest extends AbstractSampleMaskTest {
    CpuSampleMaskTest() {
        super(new CpuBackend());
    }
}
