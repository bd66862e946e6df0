package nighttrain.executor.benchmark;

import nighttrain.executor.EngineConfig.Backend;
import org.junit.jupiter.api.Tag;

/** The same on GPUs: {@code dense-8b} with a vocabulary of 152,000 tokens, batch 256. */
@Tag("gpu")
class GpuConstraintBenchmark extends ConstraintBenchmark {
    GpuConstraintBenchmark() {
        super(Backend.CUDA, "dense-8b", 152_000, 256, 128);
    }
}
