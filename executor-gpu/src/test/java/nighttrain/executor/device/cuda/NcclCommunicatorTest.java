package nighttrain.executor.device.cuda;

import nighttrain.executor.device.AbstractCommunicatorTest;
import org.junit.jupiter.api.Tag;

/** Tests the all-reduce of machines without peer access on a machine that has it. */
@Tag("gpu")
class NcclCommunicatorTest extends AbstractCommunicatorTest {
    NcclCommunicatorTest() {
        super(CudaBackend.withNccl());
    }
}
