package nighttrain.executor.benchmark;

import nighttrain.executor.EngineConfig.Backend;
import org.junit.jupiter.api.Tag;

/** On one GPU. */
@Tag("gpu")
class GpuLabelBenchmark extends AbstractLabelBenchmark {
    GpuLabelBenchmark() {
        super(Backend.CUDA, "dense-8b", 256, 2048);
    }
}
