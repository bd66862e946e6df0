package nighttrain.executor.benchmark;

import nighttrain.executor.EngineConfig.Backend;
import org.junit.jupiter.api.Tag;

/** Runs the constraint benchmark on one GPU, or more with {@code -Dbench.ranks}: {@code dense-8b}, vocabulary of 152,000 tokens, batch 256. */
@Tag("gpu")
class GpuConstraintBenchmark extends AbstractConstraintBenchmark {
    GpuConstraintBenchmark() {
        super(Backend.CUDA, "dense-8b", 152_000, 256, 128);
    }
}
