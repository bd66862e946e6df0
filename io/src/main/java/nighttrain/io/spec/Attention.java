package nighttrain.io.spec;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import nighttrain.io.spec.LayerSpec.Mixer;
import nighttrain.io.spec.Parameter.Linear;
import nighttrain.io.spec.Parameter.Norm;

/**
 * Causal softmax attention with grouped queries.
 *
 * @param heads query heads
 * @param kvHeads key and value heads; divides {@code heads} (grouped-query attention)
 * @param headDim width of one head; need not be {@code hidden / heads}
 * @param query hidden to all query heads
 * @param key hidden to all key heads
 * @param value hidden to all value heads
 * @param output all query heads to hidden
 * @param headNorms norms of queries and keys, before rotary positions
 * @param rope rotary positions; none where positions are learned or the layer has no need of any (NoPE)
 * @param window how many of the latest positions a token sees, itself included; 0 is all
 * @param scale factor of {@code q k^T} before the softmax
 * @param queryScale factor of queries that grows with their position, after rotary positions
 * @param gate hidden to all query heads, whose sigmoid multiplies what heads put out (Qwen 3.5)
 */
public record Attention(
        int heads,
        int kvHeads,
        int headDim,
        Linear query,
        Linear key,
        Linear value,
        Linear output,
        Optional<HeadNorms> headNorms,
        Optional<Rope> rope,
        int window,
        double scale,
        Optional<QueryScale> queryScale,
        Optional<Linear> gate)
        implements Mixer {
    /** Without a gate. */
    public Attention(
            int heads,
            int kvHeads,
            int headDim,
            Linear query,
            Linear key,
            Linear value,
            Linear output,
            Optional<HeadNorms> headNorms,
            Optional<Rope> rope,
            int window,
            double scale,
            Optional<QueryScale> queryScale) {
        this(
                heads,
                kvHeads,
                headDim,
                query,
                key,
                value,
                output,
                headNorms,
                rope,
                window,
                scale,
                queryScale,
                Optional.empty());
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

    /** The same with another output projection. */
    public Attention withOutput(Linear other) {
        return new Attention(
                heads, kvHeads, headDim, query, key, value, other, headNorms, rope, window, scale, queryScale, gate);
    }

    /** The same with another factor of {@code q k^T}. */
    public Attention withScale(double other) {
        return new Attention(
                heads, kvHeads, headDim, query, key, value, output, headNorms, rope, window, other, queryScale, gate);
    }

    /** The same with queries scaled by position. */
    public Attention withQueryScale(QueryScale other) {
        return new Attention(
                heads,
                kvHeads,
                headDim,
                query,
                key,
                value,
                output,
                headNorms,
                rope,
                window,
                scale,
                Optional.of(other),
                gate);
    }

    /** The same with a gate, whose outputs lie between those of {@code otherQuery} in one tensor or in one of their own. */
    public Attention withGate(Linear otherQuery, Linear other) {
        return new Attention(
                heads,
                kvHeads,
                headDim,
                otherQuery,
                key,
                value,
                output,
                headNorms,
                rope,
                window,
                scale,
                queryScale,
                Optional.of(other));
    }

    /** Whether queries and keys are normed over all heads at once, which needs them on one rank. */
    public boolean normsAllHeads() {
        return headNorms
                .map(norms -> norms.query().size() != headDim || norms.key().size() != headDim)
                .orElse(false);
    }

    @Override
    public List<Parameter> parameters() {
        List<Parameter> parameters = new ArrayList<>(List.of(query, key, value, output));
        gate.ifPresent(parameters::add);
        headNorms.ifPresent(norms -> parameters.addAll(List.of(norms.query(), norms.key())));
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
        if (query.bias().isPresent()) {
            traits.add("biases");
        }
        gate.ifPresent(linear -> traits.add("output gate"));
        return traits;
    }

    @Override
    public long cachedElementsPerToken() {
        return 2L * kvHeads * headDim;
    }
}
