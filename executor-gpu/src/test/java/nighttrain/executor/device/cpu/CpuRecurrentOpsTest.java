package nighttrain.executor.device.cpu;

import nighttrain.executor.device.AbstractRecurrentOpsTest;

class CpuRecurrentOpsTest extends AbstractRecurrentOpsTest {
    CpuRecurrentOpsTest() {
        super(new CpuBackend());
    }
}
