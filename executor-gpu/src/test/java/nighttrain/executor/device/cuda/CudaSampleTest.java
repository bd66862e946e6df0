package nighttrain.executor.device.cuda;

import nighttrain.executor.device.AbstractSampleTest;
import org.junit.jupiter.api.Tag;

@Tag("gpu")
class CudaSampleTest extends AbstractSampleTest {
    CudaSampleTest() {
        super(new CudaBackend());
    }
}
