package nighttrain.executor.benchmark;

import nighttrain.executor.EngineConfig.Backend;

/** Runs the label benchmark on the CPU with two threads. */
class CpuLabelBenchmark extends AbstractLabelBenchmark {
    CpuLabelBenchmark() {
        super(Backend.CPU, "bench-100m", 64, 64);
    }
}
