package nighttrain.executor;

import nighttrain.executor.EngineConfig.Backend;

class CpuLogitFaultsTest extends AbstractLogitFaultsTest {
    CpuLogitFaultsTest() {
        super(Backend.CPU);
    }
}
