package nighttrain.executor.device.cpu;

import nighttrain.executor.device.AbstractDrawTest;

class CpuDrawTest extends AbstractDrawTest {
    CpuDrawTest() {
        super(new CpuBackend());
    }
}
