package nighttrain.executor.device.cpu;

import nighttrain.executor.device.AbstractDrawScoresTest;

class CpuDrawScoresTest extends AbstractDrawScoresTest {
    CpuDrawScoresTest() {
        super(new CpuBackend());
    }
}
