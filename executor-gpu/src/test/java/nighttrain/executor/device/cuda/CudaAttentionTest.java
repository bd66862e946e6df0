package nighttrain.executor.device.cuda;

import nighttrain.executor.device.AbstractAttentionTest;
import org.junit.jupiter.api.Tag;

@Tag("gpu")
class CudaAttentionTest extends AbstractAttentionTest {
    CudaAttentionTest() {
        super(new CudaBackend());
    }
}
