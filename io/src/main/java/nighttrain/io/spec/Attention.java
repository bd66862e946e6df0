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
 * @param projections hidden to heads, and back
 * @param headNorms norms of queries and keys, before rotary positions
 * @param rope rotary positions; none where positions are learned or the layer has no need of any (NoPE)
 * @param window how many of the latest positions a token sees, itself included; 0 is all
 * @param scale factor of {@code q k^T} before the softmax
 * @param queryScale factor of queries that grows with their position, after rotary positions
 * @param sinks a score of every query head that the softmax counts beside those of keys, and that has no value (gpt-oss)
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
     * Linear layers.
     *
     * @param query hidden to all query heads
     * @param key hidden to all key heads
     * @param value hidden to all value heads
     * @param gate hidden to all query heads, whose sigmoid multiplies what heads put out (Qwen 3.5)
     * @param output all query heads to hidden
     */
    public record Projections(Linear query, Linear key, Linear value, Optional<Linear> gate, Linear output) {
        /** Without a gate. */
        public Projections(Linear query, Linear key, Linear value, Linear output) {
            this(query, key, value, Optional.empty(), output);
        }
    }

    /**
     * RMSNorms on queries and on keys: over each head (Qwen 3, Gemma 3), or over all heads at once (OLMo 3), as the norms' sizes say.
     */
    public record HeadNorms(Norm query, Norm key) {}

    /**
     * Queries at {@code position} times {@code 1 + beta * ln(1 + floor(position / originalMaxPositions))}: keeps attention as sharp
     * beyond the context that a model was first trained on (Llama 4, Ministral 3).
     */
    public record QueryScale(double beta, int originalMaxPositions) {
        /** The factor at {@code position}. */
        public double at(int position) {
            return 1 + beta * StrictMath.log(1 + position / originalMaxPositions);
        }
    }

    /** The usual scale, {@code 1 / sqrt(headDim)}. */
    public static double scaleOf(int headDim) {
        return 1 / Math.sqrt(headDim);
    }

    /** With rotary positions or without, and with the usual scale, {@code 1 / sqrt(headDim)}. */
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

    /** The same with another factor of {@code q k^T}. */
    public Attention withScale(double other) {
        return new Attention(heads, kvHeads, headDim, projections, headNorms, rope, window, other, queryScale, sinks);
    }

    /** The same with queries scaled by position. */
    public Attention with(QueryScale other) {
        return new Attention(
                heads, kvHeads, headDim, projections, headNorms, rope, window, scale, Optional.of(other), sinks);
    }

    /** The same with sinks. */
    public Attention withSinks(Vector other) {
        return new Attention(
                heads, kvHeads, headDim, projections, headNorms, rope, window, scale, queryScale, Optional.of(other));
    }

    /** Whether queries and keys are normed over all heads at once, which needs them on one rank. */
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
