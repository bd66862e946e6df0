package nighttrain.executor.device.cpu;

import nighttrain.executor.device.AbstractSampleScoresTest;

class CpuSampleScoresTest extends AbstractSampleScoresTest {
    CpuSampleScoresTest() {
        super(new CpuBackend());
    }
}
