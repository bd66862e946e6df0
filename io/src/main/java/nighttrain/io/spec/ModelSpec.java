package nighttrain.io.spec;

import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;
import nighttrain.io.spec.Parameter.Linear;
import nighttrain.io.spec.Parameter.Norm;
import nighttrain.io.spec.Parameter.Table;

/**
 * What a model is made of: all that an engine, a planner or a loader needs to know of its {@code config.json}.
 *
 * <p>Of a model of tracks, {@code layers} are those of <em>one</em> track; the others are alike.
 *
 * @param modelType {@code model_type} as written
 * @param maxPositions longest context, in tokens
 * @param embedding tokens to the residual stream
 * @param layers in order; one size of residual stream throughout
 * @param wiring how layers and tracks are wired together
 * @param finalNorm what the head reads the stream through
 * @param head the stream to logits
 * @param spellings other ways in which published checkpoints begin tensor names
 * @param quantization of the checkpoint's weights, where they are stored in 8 bits
 * @param kept what an engine is asked to keep numbers in
 */
public record ModelSpec(
        String modelType,
        int maxPositions,
        Embedding embedding,
        List<LayerSpec> layers,
        Wiring wiring,
        Norm finalNorm,
        Head head,
        List<Spelling> spellings,
        Optional<Quantization> quantization,
        Kept kept) {
    /**
     * What an engine is asked to keep numbers in.
     *
     * @param weights which of them in 8 bits
     * @param states of recurrent mixers
     */
    public record Kept(WeightFormat.Choice weights, KvFormat.Choice keysAndValues, StateFormat states) {
        static final Kept PLAIN = new Kept(WeightFormat.Choice.NONE, KvFormat.Choice.BF16, StateFormat.FP32);
    }

    /** Of weights that are stored as they are. */
    public ModelSpec(
            String modelType,
            int maxPositions,
            Embedding embedding,
            List<LayerSpec> layers,
            Wiring wiring,
            Norm finalNorm,
            Head head,
            List<Spelling> spellings) {
        this(
                modelType,
                maxPositions,
                embedding,
                layers,
                wiring,
                finalNorm,
                head,
                spellings,
                Optional.empty(),
                Kept.PLAIN);
    }

    public ModelSpec {
        layers = List.copyOf(layers);
        spellings = List.copyOf(spellings);
        if (wiring instanceof Wiring.ParallelBlock && !layers.stream().allMatch(LayerSpec::canStandSideBySide)) {
            throw new IllegalArgumentException("parallel blocks have one norm, and one multiplier for both outputs");
        }
    }

    /** Width of the residual stream, of one track. */
    public int hiddenSize() {
        return embedding.tokens().cols();
    }

    public int vocabSize() {
        return embedding.tokens().rows();
    }

    /** Whether tensors are named by track. */
    public boolean hasTracks() {
        return wiring.hasTracks();
    }

    /** Tracks in all; 1 for a model without any. */
    public int trackCount() {
        return wiring.tracks();
    }

    /** The same with another head. */
    public ModelSpec withHead(Head other) {
        return new ModelSpec(
                modelType, maxPositions, embedding, layers, wiring, finalNorm, other, spellings, quantization, kept);
    }

    /** The same with another embedding. */
    public ModelSpec withEmbedding(Embedding other) {
        return new ModelSpec(
                modelType, maxPositions, other, layers, wiring, finalNorm, head, spellings, quantization, kept);
    }

    /** The same with other spellings. */
    public ModelSpec withSpellings(List<Spelling> other) {
        return new ModelSpec(
                modelType, maxPositions, embedding, layers, wiring, finalNorm, head, other, quantization, kept);
    }

    /** The same with weights that are stored so. */
    public ModelSpec withQuantization(Quantization other) {
        return new ModelSpec(
                modelType,
                maxPositions,
                embedding,
                layers,
                wiring,
                finalNorm,
                head,
                spellings,
                Optional.of(other),
                kept);
    }

    /** The same with weights that an engine keeps so. */
    public ModelSpec with(WeightFormat.Choice other) {
        return with(new Kept(other, kept.keysAndValues, kept.states));
    }

    /** The same with keys and values that an engine keeps so. */
    public ModelSpec with(KvFormat.Choice other) {
        return with(new Kept(kept.weights, other, kept.states));
    }

    /** The same with states that an engine keeps so. */
    public ModelSpec with(StateFormat other) {
        return with(new Kept(kept.weights, kept.keysAndValues, other));
    }

    private ModelSpec with(Kept other) {
        return new ModelSpec(
                modelType, maxPositions, embedding, layers, wiring, finalNorm, head, spellings, quantization, other);
    }

    /** Which weights an engine keeps in 8 bits. */
    public WeightFormat.Choice weights() {
        return kept.weights;
    }

    /** What an engine keeps the states of recurrent mixers in. */
    public StateFormat states() {
        return kept.states;
    }

    /** What an engine keeps keys and values in. */
    public KvFormat kvFormat() {
        return switch (kept.keysAndValues) {
            case BF16 -> KvFormat.PLAIN;
            case FP8 -> KvFormat.FP8;
            case INT8 -> KvFormat.INT8;
            case AUTO -> quantization.filter(Quantization::keysAndValues).isPresent() ? KvFormat.FP8 : KvFormat.PLAIN;
        };
    }

    /** What an engine keeps the weights of a layer's matrix in, which is made of {@code parts}. */
    public WeightFormat formatOf(List<Linear> parts) {
        boolean wanted = switch (kept.weights) {
            case NONE -> false;
            case FP8 -> quantization.isPresent() || !isOfLastFeedForward(parts.get(0));
            case AUTO ->
                quantization
                        .filter(stored -> stored.scales() != Quantization.Scales.BLOCK)
                        .isPresent();
        };
        return wanted && parts.stream().allMatch(this::isQuantizable) ? WeightFormat.FP8 : WeightFormat.PLAIN;
    }

    /** Leaving these takes 8 to 31 % off what rounding all layers costs, and a step computes them of output rows alone (DECISIONS.md). */
    private boolean isOfLastFeedForward(Linear linear) {
        return layers.get(layers.size() - 1).feedForward().parameters().contains(linear);
    }

    private boolean isQuantizable(Linear linear) {
        String module = linear.weight().replaceFirst("\\.weight$", "");
        return quantization.isEmpty()
                || Stream.concat(Stream.of(Spelling.CANONICAL), spellings.stream())
                        .allMatch(spelling -> quantization.get().covers(spelling.of(module)));
    }

    /** All that it has learned, those of tracks once. */
    public List<Parameter> parameters() {
        List<Parameter> parameters = new ArrayList<>(embedding.parameters());
        layers.forEach(layer -> parameters.addAll(layer.parameters()));
        parameters.addAll(wiring.parameters());
        parameters.add(finalNorm);
        parameters.addAll(head.parameters());
        return parameters;
    }

    /** Every tensor of a checkpoint of this model, each once, with all tracks' names. */
    public Collection<TensorSpec> tensors() {
        Map<String, TensorSpec> tensors = new LinkedHashMap<>();
        for (Parameter parameter : parameters()) {
            for (TensorSpec tensor : parameter.tensors()) {
                for (int track = 0; track < (tensor.isPerTrack() ? trackCount() : 1); track++) {
                    TensorSpec one = tensor.ofTrack(track);
                    tensors.put(one.name(), one);
                }
            }
        }
        return tensors.values();
    }

    /** The parameters of all its tensors. */
    public long parameterCount() {
        return tensors().stream().mapToLong(TensorSpec::size).sum();
    }

    /** Of these, those that one token meets: all but those of the experts that it does not pass. */
    public long activeParameterCount() {
        return parameterCount()
                - trackCount()
                        * layers.stream()
                                .mapToLong(layer -> layer.feedForward().idleParameters())
                                .sum();
    }

    /** KV cache of one token over all layers and tracks, in elements. */
    public long kvElementsPerToken() {
        return trackCount()
                * layers.stream()
                        .mapToLong(layer -> layer.mixer().cachedElementsPerToken())
                        .sum();
    }

    /** What one sequence keeps over all layers and tracks, however long it is, in elements. */
    public long stateElementsPerSequence() {
        return trackCount()
                * layers.stream()
                        .mapToLong(layer -> layer.mixer().stateElements(1))
                        .sum();
    }

    /** The same in bytes. */
    public long stateBytesPerSequence() {
        return stateElementsPerSequence() * kept.states.bytes();
    }

    /** What sets its parts apart, for people: {@code RMSNorm, SwiGLU, RoPE}. */
    public Set<String> traits() {
        Set<String> traits = new LinkedHashSet<>();
        layers.forEach(layer -> traits.addAll(layer.traits()));
        embedding.positions().ifPresent(table -> traits.add("learned positions"));
        return traits;
    }

    /**
     * Tokens to the first residual stream, {@code scale * tokens[id] + positions[position]}.
     *
     * @param tokens {@code [vocabulary, hidden]}
     * @param scale 1 for most families; Gemma's is {@code sqrt(hidden)}
     * @param positions {@code [positions, hidden]}, where they are learned
     */
    public record Embedding(Table tokens, double scale, Optional<Table> positions) {
        /** Of tokens alone, as they are. */
        public static Embedding of(Table tokens) {
            return new Embedding(tokens, 1, Optional.empty());
        }

        /** The same times {@code factor}. */
        public Embedding times(double factor) {
            return new Embedding(tokens, factor, positions);
        }

        public List<Parameter> parameters() {
            List<Parameter> parameters = new ArrayList<>(List.of(tokens));
            positions.ifPresent(parameters::add);
            return parameters;
        }
    }

    /**
     * The last normed stream to logits, {@code output(x) / divisor}, capped where there is a cap to {@code cap * tanh(logits / cap)}.
     *
     * @param own the linear layer as a checkpoint that ties nothing has it
     * @param tiedTo the table whose rows take the place of its weight; its bias stays its own
     * @param divisor 1 for most families (Granite's {@code logits_scaling})
     * @param softCap the bound that logits come near and never pass (Gemma); 0 for none
     */
    public record Head(Linear own, Optional<Table> tiedTo, double divisor, double softCap) {
        /** With {@code tied}, rows of {@code tokens} for its weight. */
        public static Head of(Linear own, boolean tied, Table tokens) {
            return new Head(own, tied ? Optional.of(tokens) : Optional.empty(), 1, 0);
        }

        /** The same with a weight of its own. */
        public Head untied() {
            return new Head(own, Optional.empty(), divisor, softCap);
        }

        /** The same with logits divided. */
        public Head dividedBy(double other) {
            return new Head(own, tiedTo, other, softCap);
        }

        /** The same with logits capped. */
        public Head cappedTo(double cap) {
            return new Head(own, tiedTo, divisor, cap);
        }

        /** The layer that computes logits. */
        public Linear output() {
            return tiedTo.map(table -> own.withWeight(table.name())).orElse(own);
        }

        public List<Parameter> parameters() {
            return List.of(output());
        }
    }

    /**
     * Another way in which checkpoints of a family write tensor names: {@code to} in the place of {@code from} at their beginning.
     */
    public record Spelling(String from, String to) {
        /** Names as a model's spec has them. */
        public static final Spelling CANONICAL = new Spelling("", "");

        /** {@code name} in this spelling. */
        public String of(String name) {
            return name.startsWith(from) ? to + name.substring(from.length()) : name;
        }
    }
}
