package nighttrain.executor;

import nighttrain.executor.EngineConfig.Backend;

class CpuConstraintTest extends AbstractConstraintTest {
    CpuConstraintTest() {
        super(Backend.CPU);
    }

    @Override
    int maxRanks() {
        return 4;
    }

    @Override
    boolean exactBits() {
        return true;
    }

    @Override
    double scoreError() {
        return 1e-3;
    }
}
