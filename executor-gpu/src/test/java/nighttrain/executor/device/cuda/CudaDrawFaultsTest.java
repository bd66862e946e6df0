package nighttrain.executor.device.cuda;

import nighttrain.executor.device.AbstractDrawFaultsTest;
import org.junit.jupiter.api.Tag;

@Tag("gpu")
class CudaDrawFaultsTest extends AbstractDrawFaultsTest {
    CudaDrawFaultsTest() {
        super(new CudaBackend());
    }
}
