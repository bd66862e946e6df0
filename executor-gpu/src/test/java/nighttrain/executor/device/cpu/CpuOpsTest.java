package nighttrain.executor.device.cpu;

import nighttrain.executor.device.AbstractOpsTest;

class CpuOpsTest extends AbstractOpsTest {
    CpuOpsTest() {
        super(new CpuBackend());
    }
}
