package nighttrain.executor.device;

import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import nighttrain.executor.step.Batch;
import nighttrain.executor.step.SampleRequest;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.TestInstance;

/** Base of tests that share one device per class, with helpers for it. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
abstract class OneDevice {
    final TestBackend backend;
    final Noise noise = new Noise();
    final Closeness closeness;
    Device device;
    Ops ops;
    Sampler sampler;
    StepIo stepIo;

    OneDevice(TestBackend backend) {
        this.backend = backend;
        this.closeness = new Closeness(backend.tolerance(), noise.seed);
    }

    @BeforeAll
    void open() {
        device = backend.open(1).get(0);
        ops = device.ops();
        sampler = device.sampler();
        stepIo = device.stepIo();
    }

    @AfterAll
    void close() {
        device.close();
    }

    Tensor holding(float[] values, int tracks, int rows, int cols) {
        return Tensors.holding(device, values, tracks, rows, cols);
    }

    Tensor poisoned(int tracks, int rows, int cols) {
        float[] poison = new float[tracks * rows * cols];
        Arrays.fill(poison, Float.NaN);
        return holding(poison, tracks, rows, cols);
    }

    /** Returns a step of one sequence that begins at position 0. */
    static Batch batch(int[] tokens, int[] outputRows, List<SampleRequest> samples) {
        return new Batch(
                tokens,
                IntStream.range(0, tokens.length).toArray(),
                new int[] {0, tokens.length},
                new int[][] {IntStream.range(0, TestBackend.PAGES_PER_SEQUENCE).toArray()},
                outputRows,
                samples);
    }
}
