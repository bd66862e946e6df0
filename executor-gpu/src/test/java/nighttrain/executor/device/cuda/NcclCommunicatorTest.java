package nighttrain.executor.device.cuda;

import nighttrain.executor.device.AbstractCommunicatorTest;
import org.junit.jupiter.api.Tag;

/** What machines without peer access do, on one that has it. */
@Tag("gpu")
class NcclCommunicatorTest extends AbstractCommunicatorTest {
    NcclCommunicatorTest() {
        super(CudaBackend.withNccl());
    }
}
