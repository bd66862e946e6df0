package nighttrain.executor.device.cuda;

import nighttrain.executor.device.AbstractRecurrentOpsTest;
import org.junit.jupiter.api.Tag;

@Tag("gpu")
class CudaRecurrentOpsTest extends AbstractRecurrentOpsTest {
    CudaRecurrentOpsTest() {
        super(new CudaBackend());
    }
}
