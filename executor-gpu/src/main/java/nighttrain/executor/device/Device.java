package nighttrain.executor.device;

import java.util.Optional;
import java.util.function.Consumer;
import java.util.function.Supplier;
import nighttrain.executor.device.Ops.KvPages;
import nighttrain.executor.step.Batch;
import nighttrain.io.spec.KvFormat;
import nighttrain.io.spec.WeightFormat;

/**
 * One accelerator as one rank sees it. It owns everything that the rank allocates, and only the rank's thread uses it, except {@link #close}, which
 * frees everything.
 */
public interface Device extends AutoCloseable {
    Ops ops();

    /** The operations of mixtures of experts in addition to {@link #ops}; none on a device that cannot compute them. */
    Optional<ExpertOps> expertOps();

    /** The operations of recurrent mixers in addition to {@link #ops}; none on a device that cannot compute them. */
    Optional<RecurrentOps> recurrentOps();

    Sampler sampler();

    StepIo stepIo();

    Communicator communicator();

    /**
     * Allocates an activation buffer, zeroed.
     *
     * @param role purpose of the buffer, named in errors
     */
    Tensor tensor(String role, int tracks, int rows, int cols);

    /** Allocates a buffer in fp32 on every device: for logits, where a coarser type would make ties, or other numbers that need the precision. */
    Tensor logits(String role, int tracks, int rows, int cols);

    /** Allocates a buffer of logits that exists once for all tracks. */
    default Tensor logits(String role, int rows, int cols) {
        return logits(role, 1, rows, cols);
    }

    /** Allocates a small tensor of given values, {@code [tracks, rows, cols]}, in fp32: norms, angles. */
    Tensor constant(String role, int tracks, int rows, int cols, float[] values);

    /** Loads a table whose rows are looked up, {@code [1, rows, cols]}: embeddings. */
    Tensor table(String role, int rows, int cols, Matrix.Rows values);

    /**
     * Loads weights.
     *
     * @param bias {@code [tracks, outputs]}
     * @param format number format of the weights and of their operands
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
     * Loads weights of experts, for {@link ExpertOps#linear}.
     *
     * @param slabs number of experts of all tracks
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

    /** Loads weights without a bias, in the number format that the device computes with. */
    default Matrix matrix(String role, int tracks, int outputs, int inputs, Matrix.Rows rows) {
        return matrix(role, tracks, outputs, inputs, rows, Optional.empty(), WeightFormat.PLAIN);
    }

    /** Loads weights with a bias, {@code [tracks, outputs]}, in the number format that the device computes with. */
    default Matrix matrix(String role, int tracks, int outputs, int inputs, Matrix.Rows rows, float[] bias) {
        return matrix(role, tracks, outputs, inputs, rows, Optional.of(bias), WeightFormat.PLAIN);
    }

    /**
     * Loads weights and prepares {@code steps} to compute with them. If loading takes time, weights are still being uploaded when {@code loading}
     * returns, and the device prepares what the steps need meanwhile: the steps are enqueued, but none of their work is computed. All weights are
     * loaded when this returns.
     */
    default <T> T load(Supplier<T> loading, Consumer<T> steps) {
        return loading.get();
    }

    /**
     * Allocates pages for the keys and values of one layer, per track.
     *
     * @param group the layer's group, which selects the page table of a sequence
     */
    KvPages kvPages(
            String role, int group, int tracks, int pages, int pageTokens, int kvHeads, int headDim, KvFormat format);

    /** Overwrites a tensor with {@code values}, {@code [tracks, rows, cols]} row-major, rounded to its type. */
    void write(Tensor tensor, float[] values);

    /** A tensor's values, {@code [tracks, rows, cols]} row-major; waits for all work before. */
    float[] read(Tensor tensor);

    /**
     * How many steps may be under way when the host begins another. The host does not know their samples yet; rows take them as inputs by {@link
     * Batch#sampledBefore}. 0: each step is awaited before the next begins.
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

    /** Records work and replays it: a whole step then costs one launch (CUDA graphs). */
    interface GraphRecorder {
        /**
         * Records what {@code work} enqueues, without running it. Everything that varies between replays must come from what
         * {@link StepIo#begin} uploads; shapes and buffers stay as recorded.
         */
        CapturedGraph record(Runnable work);

        /** Recorded work. It is freed with its device. */
        interface CapturedGraph {
            void replay();
        }
    }

    /**
     * The measured peak rates of one device.
     *
     * @param bytesPerSecond rate of a large copy, bytes read plus bytes written
     * @param flopsPerSecond rate of a large bf16 matmul of random numbers
     */
    record PeakRates(double bytesPerSecond, double flopsPerSecond) {}

    /** Thrown if this process cannot use the device any more, even if it opens it again. Another process can. */
    final class DeviceLostException extends RuntimeException {
        private static final long serialVersionUID = 1L;

        public DeviceLostException(String message, Throwable cause) {
            super(message, cause);
        }
    }
}
