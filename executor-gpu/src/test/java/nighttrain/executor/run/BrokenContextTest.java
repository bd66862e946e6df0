package nighttrain.executor.run;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import nighttrain.executor.cache.CacheLayout;
import nighttrain.executor.device.Device.DeviceLostException;
import nighttrain.executor.device.TestBackend;
import nighttrain.executor.device.cuda.CudaBackend;
import nighttrain.executor.reference.RandomCheckpoint;
import nighttrain.executor.reference.Shapes;
import nighttrain.executor.step.Batch;
import nighttrain.executor.step.SampleRequest;
import nighttrain.executor.step.StepLimits;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** A kernel reads an invalid address. After that, CUDA no longer works in this process, whatever is reset. */
@Tag("gpu")
@Tag("fault")
class BrokenContextTest {
    private static final StepLimits LIMITS = new StepLimits(8, 64, 0, Shapes.POSITIONS);
    private static final CacheLayout LAYOUT = CacheLayout.ofPages(TestBackend.PAGE_TOKENS, 64);

    private static final boolean LAUNCHES_BLOCK = "1".equals(System.getenv("CUDA_LAUNCH_BLOCKING"));

    @Test
    void theProcessIsToldToEnd() {
        RandomCheckpoint checkpoint = RandomCheckpoint.of(Shapes.DENSE.model());
        CudaBackend gpus = new CudaBackend();
        try (RankGroup workers = RankGroup.load("test", checkpoint, gpus.open(1), LIMITS, LAYOUT)) {
            assertThatThrownBy(() -> workers.launch(step(Integer.MAX_VALUE)).await())
                    .hasCauseInstanceOf(DeviceLostException.class)
                    .hasMessageStartingWith("rank 0 failed: ")
                    .hasMessageContaining("CUDA_ERROR")
                    .hasMessageContaining(LAUNCHES_BLOCK ? "launch failed: embed " : "CUDA_LAUNCH_BLOCKING=1");
        }
        assertThatThrownBy(() -> gpus.open(1))
                .isInstanceOf(IllegalStateException.class)
                .hasMessage(
                        "GPU 0 cannot be used by this process: CUDA_ERROR_ILLEGAL_ADDRESS (after a kernel's bad access"
                                + " no GPU works in the same process any more; start a new one)");
    }

    private static Batch step(int token) {
        return new Batch(
                new int[] {token, token},
                new int[] {0, 1},
                new int[] {0, 2},
                new int[][] {{0}},
                new int[] {1},
                List.of(SampleRequest.likeliest()));
    }
}
