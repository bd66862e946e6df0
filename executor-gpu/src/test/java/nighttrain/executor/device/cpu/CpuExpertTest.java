package nighttrain.executor.device.cpu;

import nighttrain.executor.device.AbstractExpertTest;

class CpuExpertTest extends AbstractExpertTest {
    CpuExpertTest() {
        super(new CpuBackend());
    }
}
