package nighttrain.executor.device.cuda;

import nighttrain.executor.device.AbstractDrawScoresTest;
import org.junit.jupiter.api.Tag;

@Tag("gpu")
class CudaDrawScoresTest extends AbstractDrawScoresTest {
    CudaDrawScoresTest() {
        super(new CudaBackend());
    }
}
