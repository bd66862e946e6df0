package nighttrain.executor.device.cuda;

import nighttrain.executor.device.AbstractOpsTest;
import org.junit.jupiter.api.Tag;

@Tag("gpu")
class CudaOpsTest extends AbstractOpsTest {
    CudaOpsTest() {
        super(new CudaBackend());
    }
}
