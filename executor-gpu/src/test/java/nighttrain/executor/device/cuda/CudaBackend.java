package nighttrain.executor.device.cuda;

import java.util.List;
import java.util.stream.IntStream;
import nighttrain.executor.cache.CacheLayout;
import nighttrain.executor.device.Device;
import nighttrain.executor.device.TestBackend;
import nighttrain.executor.step.StepLimits;

/** Runs tests in bf16 on GPUs 0, 1 and so on. */
public final class CudaBackend implements TestBackend {
    private static final CacheLayout.Group GROUP =
            CacheLayout.ofPages(PAGE_TOKENS, 1).groups().get(0);

    private final CudaOptions options;

    public CudaBackend() {
        this(CudaOptions.defaults());
    }

    private CudaBackend(CudaOptions options) {
        this.options = options;
    }

    /** Returns a backend whose all-reduces use NCCL. */
    public static CudaBackend withNccl() {
        return new CudaBackend(new CudaOptions(false, false, true));
    }

    /** Returns a backend where no row depends on the others. */
    public static CudaBackend deterministic() {
        return new CudaBackend(new CudaOptions(false, true));
    }

    @Override
    public List<Device> open(int ranks) {
        return CudaDevices.ranks(
                IntStream.range(0, ranks).boxed().toList(),
                new StepLimits(MAX_SEQUENCES, MAX_TOKENS, MAX_SAMPLES - MAX_SEQUENCES, MAX_LENGTH),
                new CacheLayout(PAGE_TOKENS, List.of(GROUP, GROUP)),
                options);
    }

    @Override
    public int maxRanks() {
        return CudaDevices.count();
    }

    /** bf16 has 8 significant bits: rounding has a mean error of 0.1 %, and an operation rounds a few times. */
    @Override
    public double tolerance() {
        return 1e-2;
    }
}
