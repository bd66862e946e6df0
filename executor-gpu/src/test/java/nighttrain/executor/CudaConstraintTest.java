package nighttrain.executor;

import nighttrain.executor.EngineConfig.Backend;
import nighttrain.executor.device.cuda.CudaDevices;
import org.junit.jupiter.api.Tag;

@Tag("gpu")
class CudaConstraintTest extends AbstractConstraintTest {
    CudaConstraintTest() {
        super(Backend.CUDA);
    }

    @Override
    int maxRanks() {
        return CudaDevices.count();
    }

    @Override
    boolean exactBits() {
        return false;
    }

    /** bf16 shifts the logits of these models by 0.05 on average. */
    @Override
    double scoreError() {
        return 0.5;
    }
}
