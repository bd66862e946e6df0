package nighttrain.executor.device.cpu;

import nighttrain.executor.device.AbstractAttentionTest;

class CpuAttentionTest extends AbstractAttentionTest {
    CpuAttentionTest() {
        super(new CpuBackend());
    }
}
