package nighttrain.executor.block;

import java.util.List;
import java.util.Optional;
import nighttrain.executor.block.Buffers.BufferSpec;
import nighttrain.executor.device.Tensor;
import nighttrain.io.spec.StateFormat;
import nighttrain.io.spec.WeightFormat;

/**
 * A mixer or feed-forward on one rank: all that the engine knows of a kind of part. Planning, loading and the roofline are folds over
 * blocks. Which parameters it has, and under which names, its spec says; {@link #load} says how ranks share them.
 */
public interface Block {
    /** What {@link Module#run} works in. */
    List<BufferSpec> buffers();

    /** What it does to the tokens of a step. */
    List<Operation> operations(StepSize step);

    /** What a number of ranks must divide. */
    List<Divisible> divisibles();

    /** Why one rank must have it whole; none where ranks can share it. */
    default Optional<String> indivisible() {
        return Optional.empty();
    }

    /**
     * Numbers of parameters that ranks have over all, beyond one of each; ranks share the rest evenly, norms apart, which every rank may have
     * whole.
     */
    default long copiedElements() {
        return 0;
    }

    /** Numbers of a token, in fp32, that it sums over ranks while it runs, and waits for; 0 where it sums none. */
    default int summedPerToken() {
        return 0;
    }

    /** What it has that no GPU kernel serves; none where it runs on GPUs. */
    default Optional<String> missingOnGpus() {
        return Optional.empty();
    }

    /** Its matrices that may be in 8 bits. */
    List<LayerMatrix> matrices();

    /** Puts this rank's share of the parameters of layer {@code layer} onto the device, and what it caches. */
    Module load(Loader loader, int layer);

    /** A block whose parameters are on the device. */
    interface Module {
        /**
         * Enqueues the block on {@code x}.
         *
         * @param x {@code [localTracks, tokens, hidden]}
         * @param out this rank's partial output, as {@code x}; may be {@code x}, which is read no more when it is written
         */
        void run(Buffers buffers, Tensor x, Tensor out);
    }

    /**
     * Matrices of every local track whose weights, and what they are multiplied by, may be in 8 bits.
     *
     * @param count as many, alike
     * @param rows that a token has of what they are multiplied by
     * @param format that they are in
     * @param hindrance why that is not 8 bits, where these were asked for; empty otherwise
     */
    record LayerMatrix(int count, int outputs, int inputs, int rows, WeightFormat format, String hindrance) {
        /** One matrix of these sides. */
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

        /** So many, of which a token meets {@code rows}. */
        LayerMatrix times(int other, int rowsOfToken) {
            return new LayerMatrix(other, outputs, inputs, rowsOfToken, format, hindrance);
        }

        /** The same, not in 8 bits. */
        LayerMatrix hinderedBy(String why) {
            return new LayerMatrix(count, outputs, inputs, rows, WeightFormat.PLAIN, why);
        }
    }

    /**
     * {@code count} things that ranks share evenly: {@code 32 attention heads}.
     *
     * @param replicable whether several ranks may have the same one: key and value heads
     */
    record Divisible(int count, String what, boolean replicable) {
        Divisible(int count, String what) {
            this(count, what, false);
        }
    }

    /**
     * What one operation of a step computes and moves on one rank, every operand counted once.
     *
     * @param flops a multiplication and an addition are two
     * @param elements of weights, activations, keys and values
     * @param fp32 elements that are fp32 on every device: logits, most states
     * @param fp8 elements in 8 bits on GPUs; where there are any, the multiplications are of 8 bits, too
     * @param stored8 elements in 8 bits on GPUs that are multiplied in bf16: keys and values
     */
    record Operation(double flops, double elements, double fp32, double fp8, double stored8) {
        /** Without keys and values of 8 bits. */
        Operation(double flops, double elements, double fp32, double fp8) {
            this(flops, elements, fp32, fp8, 0);
        }

        /** Without numbers of 8 bits. */
        Operation(double flops, double elements, double fp32) {
            this(flops, elements, fp32, 0);
        }

        /** {@code rows} rows through {@code tracks} matrices. */
        static Operation linear(int tracks, double rows, double outputs, double inputs) {
            return new Operation(
                    2 * tracks * rows * outputs * inputs, tracks * (outputs * inputs + rows * (outputs + inputs)), 0);
        }

        /** The same through matrices of this format. */
        static Operation linear(int tracks, double rows, double outputs, double inputs, WeightFormat format) {
            return format == WeightFormat.PLAIN
                    ? linear(tracks, rows, outputs, inputs)
                    : new Operation(
                            2 * tracks * rows * outputs * inputs,
                            tracks * rows * outputs,
                            0,
                            tracks * (outputs * inputs + rows * inputs));
        }

        /** Causal convolution over {@code width} tokens of {@code cols} columns, the latest of which every sequence keeps. */
        static Operation convolution(int tracks, StepSize step, double cols, int width, StateFormat format) {
            double moved = 2.0 * tracks * step.tokens() * cols;
            return ofStates(moved * width, moved, 2.0 * tracks * step.sequences() * cols * (width - 1), format);
        }

        /**
         * A recurrence over states that every sequence keeps.
         *
         * @param flops of an element of the state and a token
         * @param state elements of a track's state
         * @param cols that a token reads and writes
         */
        static Operation recurrence(
                int tracks, StepSize step, double flops, double state, double cols, StateFormat format) {
            return ofStates(
                    flops * tracks * step.tokens() * state,
                    tracks * step.tokens() * cols,
                    2.0 * tracks * step.sequences() * state,
                    format);
        }

        /** With {@code states} elements of states read and written. */
        private static Operation ofStates(double flops, double elements, double states, StateFormat format) {
            return format == StateFormat.FP32
                    ? new Operation(flops, elements, states)
                    : new Operation(flops, elements + states, 0);
        }

        /** Reading and writing {@code elements} of every track. */
        static Operation memory(int tracks, double elements) {
            return new Operation(0, tracks * elements, 0);
        }
    }

    /**
     * What a step computes.
     *
     * @param tokens in all
     * @param sequences that they are of
     * @param samples tokens sampled
     * @param keys positions whose keys and values are read, over all sequences
     * @param pairs of a token and a position that it sees
     */
    record StepSize(long tokens, long sequences, long samples, double keys, double pairs) {
        /** Of its tokens those that the head reads: what is left of a step behind the last mixer. */
        StepSize ofOutputRows() {
            return new StepSize(Math.min(tokens, samples), sequences, samples, keys, pairs);
        }
    }
}
