package nighttrain.executor.block;

import java.util.List;
import java.util.Optional;
import nighttrain.executor.block.Buffers.BufferSpec;
import nighttrain.executor.device.Tensor;
import nighttrain.io.spec.StateFormat;
import nighttrain.io.spec.WeightFormat;

/**
 * A mixer or feed-forward on one rank. Planning, loading and the roofline are folds over blocks, and know no more of them than this interface. A
 * block's spec defines its parameters and their names; {@link #load} defines how ranks share them.
 */
public interface Block {
    /** The buffers that {@link Module#run} works in. */
    List<BufferSpec> buffers();

    /** The operations that it computes for the tokens of a step. */
    List<Operation> operations(StepSize step);

    /** The counts that the number of ranks must divide. */
    List<Divisible> divisibles();

    /** The reason why one rank must have it whole; none if ranks can share it. */
    default Optional<String> indivisible() {
        return Optional.empty();
    }

    /**
     * Number of further copies of parameter elements, over all ranks, beyond one of each. Ranks share one copy evenly, except norms, which every rank
     * may have whole.
     */
    default long copiedElements() {
        return 0;
    }

    /** Number of fp32 values per token that it sums over ranks while it runs, and waits for; 0 if it sums none. */
    default int summedPerToken() {
        return 0;
    }

    /** The property that no GPU kernel serves; none if the block runs on GPUs. */
    default Optional<String> missingOnGpus() {
        return Optional.empty();
    }

    /** Its matrices that may be in 8 bits. */
    List<LayerMatrix> matrices();

    /** Loads this rank's share of the parameters of layer {@code layer} onto the device, and allocates its cache. */
    Module load(Loader loader, int layer);

    /** A block whose parameters are on the device. */
    interface Module {
        /**
         * Enqueues the block on {@code x}.
         *
         * @param x {@code [localTracks, tokens, hidden]}
         * @param out this rank's partial output, of the shape of {@code x}; may be {@code x}, which is not read any more when {@code out} is written
         */
        void run(Buffers buffers, Tensor x, Tensor out);
    }

    /**
     * Equal matrices of every local track whose weights and operands may be in 8 bits.
     *
     * @param count number of matrices
     * @param rows rows that a token has in the operand
     * @param format format of weights and operands
     * @param hindrance why {@code format} is not 8 bits although 8 bits were asked for; empty otherwise
     */
    record LayerMatrix(int count, int outputs, int inputs, int rows, WeightFormat format, String hindrance) {
        /** Returns one matrix of these sides. */
        static LayerMatrix of(WeightFormat asked, int outputs, int inputs) {
            WeightFormat format = asked.of(outputs, inputs);
            return new LayerMatrix(
                    1,
                    outputs,
                    inputs,
                    1,
                    format,
                    format == asked ? "" : "8 bits need sides that are multiples of " + WeightFormat.FP8_UNIT);
        }

        /** Returns {@code other} such matrices, for an operand of {@code rowsOfToken} rows per token. */
        LayerMatrix times(int other, int rowsOfToken) {
            return new LayerMatrix(other, outputs, inputs, rowsOfToken, format, hindrance);
        }

        /** Returns the same matrices, not in 8 bits because of {@code why}. */
        LayerMatrix hinderedBy(String why) {
            return new LayerMatrix(count, outputs, inputs, rows, WeightFormat.PLAIN, why);
        }
    }

    /**
     * {@code count} units that ranks share evenly: {@code 32 attention heads}.
     *
     * @param replicable whether several ranks may have the same unit, as with key and value heads
     */
    record Divisible(int count, String what, boolean replicable) {
        Divisible(int count, String what) {
            this(count, what, false);
        }
    }

    /**
     * The arithmetic and memory traffic of one operation of a step on one rank. Every operand counts once.
     *
     * @param flops floating-point operations; a multiplication and an addition are two
     * @param elements elements of weights, activations, keys and values
     * @param fp32 elements that are fp32 on every device: logits, most states
     * @param fp8 elements in 8 bits on GPUs; if there are any, the multiplications are in 8 bits, too
     * @param stored8 elements in 8 bits on GPUs that are multiplied in bf16: keys and values
     */
    record Operation(double flops, double elements, double fp32, double fp8, double stored8) {
        /** Makes an operation without keys and values in 8 bits. */
        Operation(double flops, double elements, double fp32, double fp8) {
            this(flops, elements, fp32, fp8, 0);
        }

        /** Makes an operation without elements in 8 bits. */
        Operation(double flops, double elements, double fp32) {
            this(flops, elements, fp32, 0);
        }

        /** Multiplies {@code rows} rows of each of {@code tracks} tracks by the track's matrix. */
        static Operation linear(int tracks, double rows, double outputs, double inputs) {
            return new Operation(
                    2 * tracks * rows * outputs * inputs, tracks * (outputs * inputs + rows * (outputs + inputs)), 0);
        }

        /** As {@link #linear(int, double, double, double)}, with matrices of this format. */
        static Operation linear(int tracks, double rows, double outputs, double inputs, WeightFormat format) {
            return format == WeightFormat.PLAIN
                    ? linear(tracks, rows, outputs, inputs)
                    : new Operation(
                            2 * tracks * rows * outputs * inputs,
                            tracks * rows * outputs,
                            0,
                            tracks * (outputs * inputs + rows * inputs));
        }

        /** Causal convolution over {@code width} tokens of {@code cols} columns. Every sequence keeps the latest tokens. */
        static Operation convolution(int tracks, StepSize step, double cols, int width, StateFormat format) {
            double moved = 2.0 * tracks * step.tokens() * cols;
            return ofStates(moved * width, moved, 2.0 * tracks * step.sequences() * cols * (width - 1), format);
        }

        /**
         * A recurrence over states that every sequence keeps.
         *
         * @param flops operations per element of the state and token
         * @param state elements of a track's state
         * @param cols columns that a token reads and writes
         */
        static Operation recurrence(
                int tracks, StepSize step, double flops, double state, double cols, StateFormat format) {
            return ofStates(
                    flops * tracks * step.tokens() * state,
                    tracks * step.tokens() * cols,
                    2.0 * tracks * step.sequences() * state,
                    format);
        }

        /** Returns an operation that reads and writes {@code states} elements of states. */
        private static Operation ofStates(double flops, double elements, double states, StateFormat format) {
            return format == StateFormat.FP32
                    ? new Operation(flops, elements, states)
                    : new Operation(flops, elements + states, 0);
        }

        /** Reads and writes {@code elements} elements of every track. */
        static Operation memory(int tracks, double elements) {
            return new Operation(0, tracks * elements, 0);
        }
    }

    /**
     * The size of a step.
     *
     * @param tokens tokens in total
     * @param sequences sequences that the tokens belong to
     * @param samples tokens sampled
     * @param keys positions whose keys and values are read, over all sequences
     * @param pairs pairs of a token and a position that it sees
     */
    record StepSize(long tokens, long sequences, long samples, double keys, double pairs) {
        /** Returns the same step with only the tokens that the head reads: its size after the last mixer. */
        StepSize ofOutputRows() {
            return new StepSize(Math.min(tokens, samples), sequences, samples, keys, pairs);
        }
    }
}
