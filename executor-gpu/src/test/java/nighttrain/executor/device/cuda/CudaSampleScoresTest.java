package nighttrain.executor.device.cuda;

import nighttrain.executor.device.AbstractSampleScoresTest;
import org.junit.jupiter.api.Tag;

@Tag("gpu")
class CudaSampleScoresTest extends AbstractSampleScoresTest {
    CudaSampleScoresTest() {
        super(new CudaBackend());
    }
}
