package nighttrain.executor.benchmark;

import nighttrain.executor.EngineConfig.Backend;

/** Runs the constraint benchmark on the CPU: {@code bench-100m}, batch 64. */
class CpuConstraintBenchmark extends AbstractConstraintBenchmark {
    CpuConstraintBenchmark() {
        super(Backend.CPU, "bench-100m", 32_000, 64, 32);
    }
}
