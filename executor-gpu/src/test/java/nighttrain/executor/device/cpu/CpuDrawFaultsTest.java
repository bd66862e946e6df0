package nighttrain.executor.device.cpu;

import nighttrain.executor.device.AbstractDrawFaultsTest;

class CpuDrawFaultsTest extends AbstractDrawFaultsTest {
    CpuDrawFaultsTest() {
        super(new CpuBackend());
    }
}
