package nighttrain.executor.device;

import java.util.Optional;
import java.util.function.Consumer;
import java.util.function.Supplier;
import nighttrain.executor.device.Ops.KvPages;
import nighttrain.executor.step.Batch;
import nighttrain.io.spec.KvFormat;
import nighttrain.io.spec.WeightFormat;

/**
 * One accelerator as one rank sees it: owner of everything that rank allocates, used by that rank's thread alone, but for
 * {@link #close}, which frees all of it.
 */
public interface Device extends AutoCloseable {
    Ops ops();

    /** What mixtures of experts need beside {@link #ops}; none on a device that cannot compute them. */
    Optional<ExpertOps> expertOps();

    /** What recurrent mixers need beside {@link #ops}; none on a device that cannot compute them. */
    Optional<RecurrentOps> recurrentOps();

    Sampler sampler();

    StepIo stepIo();

    Communicator communicator();

    /**
     * An activation buffer, zeroed.
     *
     * @param role what it is for, named in errors
     */
    Tensor tensor(String role, int tracks, int rows, int cols);

    /** Logits, kept in fp32 on every device: a coarser type would make ties; or other numbers that need its digits. */
    Tensor logits(String role, int tracks, int rows, int cols);

    /** Logits that have nothing to do with tracks. */
    default Tensor logits(String role, int rows, int cols) {
        return logits(role, 1, rows, cols);
    }

    /** A small tensor of given values, {@code [tracks, rows, cols]}, kept in fp32: norms, angles. */
    Tensor constant(String role, int tracks, int rows, int cols, float[] values);

    /** A table whose rows are looked up, {@code [1, rows, cols]}: embeddings. */
    Tensor table(String role, int rows, int cols, Matrix.Rows values);

    /**
     * Weights.
     *
     * @param bias {@code [tracks, outputs]}
     * @param format of the weights, and of what they are multiplied by
     */
    Matrix matrix(
            String role,
            int tracks,
            int outputs,
            int inputs,
            Matrix.Rows rows,
            Optional<float[]> bias,
            WeightFormat format);

    /**
     * Weights of experts, which {@link ExpertOps#linear} multiplies by.
     *
     * @param slabs experts of all tracks
     */
    default Matrix experts(
            String role,
            int slabs,
            int outputs,
            int inputs,
            Matrix.Rows rows,
            Optional<float[]> bias,
            WeightFormat format) {
        return matrix(role, slabs, outputs, inputs, rows, bias, format);
    }

    /** Weights without a bias, in the numbers that the device computes in. */
    default Matrix matrix(String role, int tracks, int outputs, int inputs, Matrix.Rows rows) {
        return matrix(role, tracks, outputs, inputs, rows, Optional.empty(), WeightFormat.PLAIN);
    }

    /** Weights with a bias, {@code [tracks, outputs]}, in the numbers that the device computes in. */
    default Matrix matrix(String role, int tracks, int outputs, int inputs, Matrix.Rows rows, float[] bias) {
        return matrix(role, tracks, outputs, inputs, rows, Optional.of(bias), WeightFormat.PLAIN);
    }

    /**
     * Loads what {@code steps} computes with. Where that takes time, weights are still on their way when {@code loading} returns, and what
     * the steps need is prepared meanwhile: they are told to run, but nothing of them is computed. All weights are there in the end.
     */
    default <T> T load(Supplier<T> loading, Consumer<T> steps) {
        return loading.get();
    }

    /**
     * Pages for the keys and values of one layer, per track.
     *
     * @param group of layers that it is in: which of a sequence's page tables it goes by
     */
    KvPages kvPages(
            String role, int group, int tracks, int pages, int pageTokens, int kvHeads, int headDim, KvFormat format);

    /** Overwrites a tensor with {@code values}, {@code [tracks, rows, cols]} row-major, rounded to its type. */
    void write(Tensor tensor, float[] values);

    /** A tensor's values, {@code [tracks, rows, cols]} row-major; waits for all work before. */
    float[] read(Tensor tensor);

    /**
     * How many steps may be under way when the host begins another: their samples, which it has not heard of, are then the inputs of
     * rows that say so ({@link Batch#sampledBefore}). 0: each step is awaited before the next begins.
     */
    default int stepsAhead() {
        return 0;
    }

    /** The recorder; none if the device cannot replay work faster than it is enqueued. */
    Optional<GraphRecorder> recorder();

    /** Returns {@code failure} of work on this device, or an exception that explains it better. */
    default RuntimeException explained(RuntimeException failure) {
        return failure;
    }

    @Override
    void close();

    /** Records work and replays it: a whole step for the price of one launch (CUDA graphs). */
    interface GraphRecorder {
        /**
         * Records what {@code work} enqueues, without running it. Everything that varies between replays must come from what
         * {@link StepIo#begin} uploads; shapes and buffers stay as recorded.
         */
        CapturedGraph record(Runnable work);

        /** Recorded work; freed with its device. */
        interface CapturedGraph {
            void replay();
        }
    }

    /**
     * The measured peak rates of one device.
     *
     * @param bytesPerSecond of a large copy, bytes read and bytes written
     * @param flopsPerSecond of a large bf16 matmul of random numbers
     */
    record PeakRates(double bytesPerSecond, double flopsPerSecond) {}

    /** This process cannot use the device any more, even if it opens it again. Another process can. */
    final class DeviceLostException extends RuntimeException {
        private static final long serialVersionUID = 1L;

        public DeviceLostException(String message, Throwable cause) {
            super(message, cause);
        }
    }
}
