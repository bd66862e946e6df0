package nighttrain.executor.device.cpu;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import nighttrain.executor.device.AbstractOpsTest;
import nighttrain.executor.device.Device;
import nighttrain.io.UserError;
import org.junit.jupiter.api.Test;

class CpuOpsTest extends AbstractOpsTest {
    CpuOpsTest() {
        super(new CpuBackend());
    }

    @Test
    void aBufferThatNoArrayHoldsIsRefused() {
        try (Device device = CpuDevice.ranks(1, 1).get(0)) {
            assertThatThrownBy(() -> device.logits("logits", 16_448, 151_936))
                    .isInstanceOf(UserError.class)
                    .hasMessage(
                            "buffer too large for CPUs: logits, 1 x 16448 x 151936 numbers (at most 2147483639 in all;"
                                    + " lower --max-num-seqs or --max-num-batched-tokens)");
        }
    }
}
