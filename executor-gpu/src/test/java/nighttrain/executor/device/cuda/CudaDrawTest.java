package nighttrain.executor.device.cuda;

import nighttrain.executor.device.AbstractDrawTest;
import org.junit.jupiter.api.Tag;

@Tag("gpu")
class CudaDrawTest extends AbstractDrawTest {
    CudaDrawTest() {
        super(new CudaBackend());
    }
}
