package nighttrain.executor.device.cuda;

import nighttrain.executor.device.AbstractCommunicatorTest;
import org.junit.jupiter.api.Tag;

@Tag("gpu")
class CudaCommunicatorTest extends AbstractCommunicatorTest {
    CudaCommunicatorTest() {
        super(new CudaBackend());
    }
}
