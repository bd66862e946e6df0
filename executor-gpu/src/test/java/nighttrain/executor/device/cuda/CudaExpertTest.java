package nighttrain.executor.device.cuda;

import nighttrain.executor.device.AbstractExpertTest;
import org.junit.jupiter.api.Tag;

@Tag("gpu")
class CudaExpertTest extends AbstractExpertTest {
    CudaExpertTest() {
        super(new CudaBackend());
    }
}
