package nighttrain.executor.benchmark;

import nighttrain.executor.EngineConfig.Backend;
import org.junit.jupiter.api.Tag;

/** Runs the label benchmark on one GPU. */
@Tag("gpu")
class GpuLabelBenchmark extends AbstractLabelBenchmark {
    GpuLabelBenchmark() {
        super(Backend.CUDA, "dense-8b", 256, 2048);
    }
}
