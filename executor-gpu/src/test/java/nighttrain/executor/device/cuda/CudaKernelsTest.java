package nighttrain.executor.device.cuda;

import nighttrain.executor.device.AbstractKernelsTest;
import org.junit.jupiter.api.Tag;

@Tag("gpu")
class CudaKernelsTest extends AbstractKernelsTest {
    CudaKernelsTest() {
        super(new CudaBackend());
    }
}
