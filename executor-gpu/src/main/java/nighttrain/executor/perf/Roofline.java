package nighttrain.executor.perf;

import nighttrain.executor.block.Block.Operation;
import nighttrain.executor.block.Block.StepSize;
import nighttrain.executor.block.ModelBlocks;
import nighttrain.executor.device.Device.PeakRates;
import nighttrain.io.checkpoint.Bfloat16;
import nighttrain.io.spec.ModelSpec;

/**
 * The least time that a step could take on one rank, communication apart: the sum over its operations of the larger of
 * bytes at the copy rate and FLOPs at the matrix rate (Williams et al., CACM 2009). Every operand is counted once.
 */
public final class Roofline {
    private static final int FP32 = 4;

    /** Matrix rate of tensor cores in 8 bits over their rate in bf16, from Hopper on. */
    private static final double FP8_SPEED = 2;

    private final ModelBlocks blocks;
    private final PeakRates peak;
    private final int elementBytes;

    /** Makes the roofline of a model in bf16. */
    public Roofline(ModelSpec model, int ranks, PeakRates peak) {
        this(model, ranks, peak, Bfloat16.BYTES);
    }

    /** {@code elementBytes}: bytes of a weight, an activation, a key or a value. */
    Roofline(ModelSpec model, int ranks, PeakRates peak, int elementBytes) {
        this.blocks = ModelBlocks.of(model, 0, ranks);
        this.peak = peak;
        this.elementBytes = elementBytes;
    }

    /** Returns the rate of a large copy, bytes read plus bytes written. */
    public double copyBytesPerSecond() {
        return peak.bytesPerSecond();
    }

    /** Returns the rate of a large matmul. */
    public double matrixFlopsPerSecond() {
        return peak.flopsPerSecond();
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
    public record Step(long tokens, long sequences, long samples, double keys, double pairs) {
        /** Returns a step of one token from each of {@code batch} sequences, which have {@code context} positions each. */
        public static Step decode(long batch, double context) {
            return new Step(batch, batch, batch, batch * context, batch * context);
        }

        /** Returns a step of {@code tokens} tokens from prompts of {@code length} tokens, from their start. */
        public static Step prefill(long tokens, double length) {
            long prompts = Math.round(Math.max(1, tokens / length));
            return new Step(tokens, prompts, prompts, tokens, tokens * (length + 1) / 2);
        }
    }

    /** Returns the least seconds that {@code step} can take. */
    public double seconds(Step step) {
        StepSize size = new StepSize(step.tokens, step.sequences, step.samples, step.keys, step.pairs);
        return blocks.operations(size).stream().mapToDouble(this::seconds).sum();
    }

    private double seconds(Operation operation) {
        boolean fp8 = operation.fp8() > 0 && elementBytes != FP32;
        double bytes = operation.elements() * elementBytes
                + operation.fp32() * FP32
                + operation.fp8() * (fp8 ? 1 : elementBytes)
                + operation.stored8() * (elementBytes == FP32 ? FP32 : 1);
        double flopsPerSecond = peak.flopsPerSecond() * (fp8 ? FP8_SPEED : 1);
        return Math.max(operation.flops() / flopsPerSecond, bytes / peak.bytesPerSecond());
    }
}
