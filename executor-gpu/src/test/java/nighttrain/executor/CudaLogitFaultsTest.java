package nighttrain.executor;

import nighttrain.executor.EngineConfig.Backend;
import org.junit.jupiter.api.Tag;

@Tag("gpu")
class CudaLogitFaultsTest extends AbstractLogitFaultsTest {
    CudaLogitFaultsTest() {
        super(Backend.CUDA);
    }
}
