package nighttrain.executor.device.cuda;

import nighttrain.executor.device.AbstractSampleFaultsTest;
import org.junit.jupiter.api.Tag;

@Tag("gpu")
class CudaSampleFaultsTest extends AbstractSampleFaultsTest {
    CudaSampleFaultsTest() {
        super(new CudaBackend());
    }
}
