package nighttrain.executor.benchmark;

import nighttrain.executor.EngineConfig.Backend;

/** On two threads. */
class CpuLabelBenchmark extends AbstractLabelBenchmark {
    CpuLabelBenchmark() {
        super(Backend.CPU, "bench-100m", 64, 64);
    }
}
