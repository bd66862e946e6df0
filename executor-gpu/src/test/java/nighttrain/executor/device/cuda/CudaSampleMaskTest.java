package nighttrain.executor.device.cuda;

import nighttrain.executor.device.AbstractSampleMaskTest;
import org.junit.jupiter.api.Tag;

@Tag("gpu")
class CudaSampleMaskTest extends AbstractSampleMaskTest {
    CudaSampleMaskTest() {
        super(new CudaBackend());
    }
}
