package nighttrain.executor.perf;

import nighttrain.executor.architecture.Architecture;
import nighttrain.executor.architecture.Placement;
import nighttrain.executor.device.PeakRates;
import nighttrain.io.spec.Attention;
import nighttrain.io.spec.LayerSpec;
import nighttrain.io.spec.Mlp;
import nighttrain.io.spec.ModelSpec;

/**
 * The least time that a step could take on one rank, communication apart: the sum over its operations of the larger of
 * bytes at the copy rate and FLOPs at the matrix rate (Williams et al., CACM 2009). Every operand is counted once.
 */
public final class Roofline {
    private static final int FP32 = 4;

    private final ModelSpec model;
    private final Placement placement;
    private final int ranks;
    private final PeakRates peak;
    private final int elementBytes;

    /** In bf16. */
    public Roofline(ModelSpec model, int ranks, PeakRates peak) {
        this(model, ranks, peak, HardwareProfile.BF16_BYTES);
    }

    /** {@code elementBytes}: of a weight, an activation, a key or a value. */
    Roofline(ModelSpec model, int ranks, PeakRates peak, int elementBytes) {
        this.model = model;
        this.placement = Architecture.of(model).placement(0, ranks);
        this.ranks = ranks;
        this.peak = peak;
        this.elementBytes = elementBytes;
    }

    /** Of a large copy, read and written. */
    public double copyBytesPerSecond() {
        return peak.bytesPerSecond();
    }

    /** Of a large matrix product. */
    public double matrixFlopsPerSecond() {
        return peak.flopsPerSecond();
    }

    /**
     * What a step computes.
     *
     * @param tokens in all
     * @param samples tokens sampled
     * @param keys positions whose keys and values are read, over all sequences
     * @param pairs of a token and a position that it sees
     */
    public record Step(long tokens, long samples, double keys, double pairs) {
        /** One token of each of {@code batch} sequences, {@code context} positions each. */
        public static Step decode(long batch, double context) {
            return new Step(batch, batch, batch * context, batch * context);
        }

        /** {@code tokens} tokens of prompts of {@code length}, from their start. */
        public static Step prefill(long tokens, double length) {
            return new Step(tokens, Math.round(Math.max(1, tokens / length)), tokens, tokens * (length + 1) / 2);
        }
    }

    /** Seconds that {@code step} takes at least. */
    public double seconds(Step step) {
        int hidden = model.hiddenSize();
        double layers = 0;
        for (LayerSpec layer : model.layers()) {
            layers += seconds(step, layer);
        }
        long vocabulary = (model.vocabSize() + ranks - 1L) / ranks;
        double head = operation(
                2.0 * step.samples * hidden * vocabulary,
                ((double) hidden * vocabulary + (double) step.samples * hidden) * elementBytes
                        + (double) step.samples * vocabulary * FP32);
        return layers + head + memory(step.tokens * 2.0 * hidden);
    }

    private double seconds(Step step, LayerSpec layer) {
        int hidden = model.hiddenSize();
        Attention attention = (Attention) layer.mixer();
        long heads = (long) placement.share(attention.heads()) * attention.headDim();
        long keyHeads = (long) placement.share(attention.kvHeads()) * attention.headDim();
        Mlp mlp = (Mlp) layer.feedForward();
        long intermediate = placement.share(mlp.width());
        long up = mlp.gate().isPresent() ? 2 * intermediate : intermediate;
        return linear(step.tokens, heads + 2 * keyHeads, hidden)
                + memory(step.tokens * 2.0 * (heads + 2 * keyHeads))
                + attention(step, heads, keyHeads)
                + linear(step.tokens, hidden, heads)
                + linear(step.tokens, up, hidden)
                + memory(step.tokens * (double) (up + intermediate))
                + linear(step.tokens, hidden, intermediate)
                + 2 * memory(step.tokens * 4.0 * hidden);
    }

    private double linear(double rows, double outputs, double inputs) {
        int tracks = placement.localTracks();
        return operation(
                2 * tracks * rows * outputs * inputs,
                tracks * (outputs * inputs + rows * (outputs + inputs)) * elementBytes);
    }

    private double attention(Step step, double heads, double keyHeads) {
        int tracks = placement.localTracks();
        return operation(
                4 * tracks * step.pairs * heads,
                tracks * (2 * step.keys * keyHeads + 2 * step.tokens * heads) * elementBytes);
    }

    /** Reading and writing {@code elements} of every local track. */
    private double memory(double elements) {
        return operation(0, placement.localTracks() * elements * elementBytes);
    }

    private double operation(double flops, double bytes) {
        return Math.max(flops / peak.flopsPerSecond(), bytes / peak.bytesPerSecond());
    }
}
