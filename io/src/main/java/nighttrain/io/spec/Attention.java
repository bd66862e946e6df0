package nighttrain.io.spec;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import nighttrain.io.spec.LayerSpec.Mixer;
import nighttrain.io.spec.Parameter.Linear;
import nighttrain.io.spec.Parameter.Norm;
import nighttrain.io.spec.Parameter.Vector;

/**
 * Causal softmax attention with grouped queries.
 *
 * @param heads query heads
 * @param kvHeads key and value heads; divides {@code heads} (grouped-query attention)
 * @param headDim width of one head; need not be {@code hidden / heads}
 * @param projections linear layers: hidden to heads, and back
 * @param headNorms norms of queries and keys, before rotary positions
 * @param rope rotary positions; none where positions are learned or the layer uses none (NoPE)
 * @param window number of latest positions that a token sees, itself included; 0: all
 * @param scale factor of {@code q k^T} before the softmax
 * @param queryScale factor of queries that grows with their position, applied after rotary positions
 * @param sinks one score per query head that the softmax counts like that of a key, but without a value (gpt-oss)
 */
public record Attention(
        int heads,
        int kvHeads,
        int headDim,
        Projections projections,
        Optional<HeadNorms> headNorms,
        Optional<Rope> rope,
        int window,
        double scale,
        Optional<QueryScale> queryScale,
        Optional<Vector> sinks)
        implements Mixer {
    /**
     * The linear layers of an attention.
     *
     * @param query hidden to all query heads
     * @param key hidden to all key heads
     * @param value hidden to all value heads
     * @param gate hidden to all query heads; its sigmoid multiplies the outputs of the heads (Qwen 3.5)
     * @param output all query heads to hidden
     */
    public record Projections(Linear query, Linear key, Linear value, Optional<Linear> gate, Linear output) {
        /** Projections without a gate. */
        public Projections(Linear query, Linear key, Linear value, Linear output) {
            this(query, key, value, Optional.empty(), output);
        }
    }

    /**
     * RMSNorms on queries and on keys: over each head (Qwen 3, Gemma 3), or over all heads at once (OLMo 3), depending on the norms' sizes.
     */
    public record HeadNorms(Norm query, Norm key) {}

    /**
     * Scales queries at {@code position} by {@code 1 + beta * ln(1 + floor(position / originalMaxPositions))}: keeps attention sharp beyond the
     * context that a model was first trained on (Llama 4, Ministral 3).
     */
    public record QueryScale(double beta, int originalMaxPositions) {
        /** Returns the factor at {@code position}. */
        public double at(int position) {
            return 1 + beta * StrictMath.log(1 + position / originalMaxPositions);
        }
    }

    /** Returns the usual scale, {@code 1 / sqrt(headDim)}. */
    public static double scaleOf(int headDim) {
        return 1 / Math.sqrt(headDim);
    }

    /** Returns an attention with or without rotary positions, with the usual scale, {@code 1 / sqrt(headDim)}. */
    public static Attention of(
            int heads,
            int kvHeads,
            int headDim,
            Projections projections,
            Optional<HeadNorms> norms,
            Optional<Rope> rope,
            int window) {
        return new Attention(
                heads,
                kvHeads,
                headDim,
                projections,
                norms,
                rope,
                window,
                scaleOf(headDim),
                Optional.empty(),
                Optional.empty());
    }

    public Attention with(Projections other) {
        return new Attention(heads, kvHeads, headDim, other, headNorms, rope, window, scale, queryScale, sinks);
    }

    /** Returns the same attention with another factor of {@code q k^T}. */
    public Attention withScale(double other) {
        return new Attention(heads, kvHeads, headDim, projections, headNorms, rope, window, other, queryScale, sinks);
    }

    /** Returns the same attention with queries scaled by position. */
    public Attention with(QueryScale other) {
        return new Attention(
                heads, kvHeads, headDim, projections, headNorms, rope, window, scale, Optional.of(other), sinks);
    }

    /** Returns the same attention with sinks. */
    public Attention withSinks(Vector other) {
        return new Attention(
                heads, kvHeads, headDim, projections, headNorms, rope, window, scale, queryScale, Optional.of(other));
    }

    /** Whether queries and keys are normed over all heads at once, which requires all heads on one rank. */
    public boolean normsAllHeads() {
        return headNorms
                .map(norms -> norms.query().size() != headDim || norms.key().size() != headDim)
                .orElse(false);
    }

    @Override
    public List<Parameter> parameters() {
        List<Parameter> parameters = new ArrayList<>(
                List.of(projections.query(), projections.key(), projections.value(), projections.output()));
        projections.gate().ifPresent(parameters::add);
        headNorms.ifPresent(norms -> parameters.addAll(List.of(norms.query(), norms.key())));
        sinks.ifPresent(parameters::add);
        return parameters;
    }

    @Override
    public String shape() {
        return heads + " heads (" + kvHeads + " KV) of " + headDim;
    }

    @Override
    public List<String> traits() {
        List<String> traits = new ArrayList<>();
        rope.ifPresent(positions -> traits.add("RoPE"));
        headNorms.ifPresent(norms -> traits.add("QK-norm"));
        if (projections.query().bias().isPresent()) {
            traits.add("biases");
        }
        projections.gate().ifPresent(each -> traits.add("output gate"));
        sinks.ifPresent(each -> traits.add("attention sinks"));
        return traits;
    }

    @Override
    public long cachedElementsPerToken() {
        return 2L * kvHeads * headDim;
    }
}
