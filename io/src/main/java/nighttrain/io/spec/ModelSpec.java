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
 * The structure of a model: all that an engine, a planner or a loader needs to know from its {@code config.json}.
 *
 * <p>In a model of tracks, {@code layers} are those of <em>one</em> track; the others are alike.
 *
 * @param modelType {@code model_type} as in the file
 * @param maxPositions longest context, in tokens
 * @param embedding tokens to the residual stream
 * @param layers layers in order; the residual stream has the same width throughout
 * @param wiring how layers and tracks are wired together
 * @param finalNorm norm of the stream before the head
 * @param head the stream to logits
 * @param spellings other prefixes of tensor names in published checkpoints
 * @param quantization quantisation of the checkpoint's weights, where they are stored in 8 bits
 * @param kept formats in which an engine is asked to keep numbers
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
     * The formats in which an engine is asked to keep numbers.
     *
     * @param weights weights to keep in 8 bits
     * @param states format of the states of recurrent mixers
     */
    public record Kept(WeightFormat.Choice weights, KvFormat.Choice keysAndValues, StateFormat states) {
        static final Kept PLAIN = new Kept(WeightFormat.Choice.NONE, KvFormat.Choice.BF16, StateFormat.FP32);
    }

    /** Creates the spec of a model whose weights are stored unquantised. */
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

    /** Width of the residual stream of one track. */
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

    /** Number of tracks; 1 for a model without any. */
    public int trackCount() {
        return wiring.tracks();
    }

    /** Returns the same model with another head. */
    public ModelSpec withHead(Head other) {
        return new ModelSpec(
                modelType, maxPositions, embedding, layers, wiring, finalNorm, other, spellings, quantization, kept);
    }

    /** Returns the same model with another embedding. */
    public ModelSpec withEmbedding(Embedding other) {
        return new ModelSpec(
                modelType, maxPositions, other, layers, wiring, finalNorm, head, spellings, quantization, kept);
    }

    /** Returns the same model with other spellings. */
    public ModelSpec withSpellings(List<Spelling> other) {
        return new ModelSpec(
                modelType, maxPositions, embedding, layers, wiring, finalNorm, head, other, quantization, kept);
    }

    /** Returns the same model with weights stored in this quantisation. */
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

    /** Returns the same model with this choice of weights that an engine keeps in 8 bits. */
    public ModelSpec with(WeightFormat.Choice other) {
        return with(new Kept(other, kept.keysAndValues, kept.states));
    }

    /** Returns the same model with this choice of the format of keys and values. */
    public ModelSpec with(KvFormat.Choice other) {
        return with(new Kept(kept.weights, other, kept.states));
    }

    /** Returns the same model with this format of states. */
    public ModelSpec with(StateFormat other) {
        return with(new Kept(kept.weights, kept.keysAndValues, other));
    }

    private ModelSpec with(Kept other) {
        return new ModelSpec(
                modelType, maxPositions, embedding, layers, wiring, finalNorm, head, spellings, quantization, other);
    }

    /** The choice of weights that an engine keeps in 8 bits. */
    public WeightFormat.Choice weights() {
        return kept.weights;
    }

    /** The format in which an engine keeps the states of recurrent mixers. */
    public StateFormat states() {
        return kept.states;
    }

    /** The format in which an engine keeps keys and values. */
    public KvFormat kvFormat() {
        return switch (kept.keysAndValues) {
            case BF16 -> KvFormat.PLAIN;
            case FP8 -> KvFormat.FP8;
            case INT8 -> KvFormat.INT8;
            case AUTO -> quantization.filter(Quantization::keysAndValues).isPresent() ? KvFormat.FP8 : KvFormat.PLAIN;
        };
    }

    /** Returns the format in which an engine keeps the weights of a layer's matrix that consists of {@code parts}. */
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

    /**
     * Keeping these in bf16 takes 8 to 31 % off the KL divergence that rounding all layers costs, and a step computes them for output rows only
     * (DECISIONS.md).
     */
    private boolean isOfLastFeedForward(Linear linear) {
        return layers.get(layers.size() - 1).feedForward().parameters().contains(linear);
    }

    private boolean isQuantizable(Linear linear) {
        String module = linear.weight().replaceFirst("\\.weight$", "");
        return quantization.isEmpty()
                || Stream.concat(Stream.of(Spelling.CANONICAL), spellings.stream())
                        .allMatch(spelling -> quantization.get().covers(spelling.of(module)));
    }

    /** Returns all parameters of the model; those of tracks once. */
    public List<Parameter> parameters() {
        List<Parameter> parameters = new ArrayList<>(embedding.parameters());
        layers.forEach(layer -> parameters.addAll(layer.parameters()));
        parameters.addAll(wiring.parameters());
        parameters.add(finalNorm);
        parameters.addAll(head.parameters());
        return parameters;
    }

    /** Returns every tensor of a checkpoint of this model once, with the names of all tracks. */
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

    /** Returns the number of parameters in all its tensors. */
    public long parameterCount() {
        return tensors().stream().mapToLong(TensorSpec::size).sum();
    }

    /** Returns the number of parameters that one token uses: all except those of the experts that do not process it. */
    public long activeParameterCount() {
        return parameterCount()
                - trackCount()
                        * layers.stream()
                                .mapToLong(layer -> layer.feedForward().idleParameters())
                                .sum();
    }

    /** Returns the KV cache of one token over all layers and tracks, in elements. */
    public long kvElementsPerToken() {
        return trackCount()
                * layers.stream()
                        .mapToLong(layer -> layer.mixer().cachedElementsPerToken())
                        .sum();
    }

    /** Returns what one sequence keeps over all layers and tracks, whatever its length, in elements. */
    public long stateElementsPerSequence() {
        return trackCount()
                * layers.stream()
                        .mapToLong(layer -> layer.mixer().stateElements(1))
                        .sum();
    }

    /** Returns what one sequence keeps over all layers and tracks, whatever its length, in bytes. */
    public long stateBytesPerSequence() {
        return stateElementsPerSequence() * kept.states.bytes();
    }

    /** Returns the distinctive parts of the model, for people: {@code RMSNorm, SwiGLU, RoPE}. */
    public Set<String> traits() {
        Set<String> traits = new LinkedHashSet<>();
        layers.forEach(layer -> traits.addAll(layer.traits()));
        embedding.positions().ifPresent(table -> traits.add("learned positions"));
        return traits;
    }

    /**
     * Maps tokens to the first residual stream, {@code scale * tokens[id] + positions[position]}.
     *
     * @param tokens {@code [vocabulary, hidden]}
     * @param scale 1 for most families; Gemma's is {@code sqrt(hidden)}
     * @param positions {@code [positions, hidden]}, where they are learned
     */
    public record Embedding(Table tokens, double scale, Optional<Table> positions) {
        /** Returns an embedding of tokens only, with scale 1. */
        public static Embedding of(Table tokens) {
            return new Embedding(tokens, 1, Optional.empty());
        }

        /** Returns the same embedding times {@code factor}. */
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
     * Maps the last normed stream to logits, {@code output(x) / divisor}; with a cap they become {@code cap * tanh(logits / cap)}.
     *
     * @param own the head's own linear layer, as in a checkpoint without tied weights
     * @param tiedTo table whose rows replace the layer's weight; the layer keeps its own bias
     * @param divisor 1 for most families (Granite's {@code logits_scaling})
     * @param softCap bound that logits approach but never exceed (Gemma); 0 for none
     */
    public record Head(Linear own, Optional<Table> tiedTo, double divisor, double softCap) {
        /** Returns a head; with {@code tied}, its weight is rows of {@code tokens}. */
        public static Head of(Linear own, boolean tied, Table tokens) {
            return new Head(own, tied ? Optional.of(tokens) : Optional.empty(), 1, 0);
        }

        /** Returns the same head with a weight of its own. */
        public Head untied() {
            return new Head(own, Optional.empty(), divisor, softCap);
        }

        /** Returns the same head with logits divided. */
        public Head dividedBy(double other) {
            return new Head(own, tiedTo, other, softCap);
        }

        /** Returns the same head with logits capped. */
        public Head cappedTo(double cap) {
            return new Head(own, tiedTo, divisor, cap);
        }

        /** Returns the layer that computes logits. */
        public Linear output() {
            return tiedTo.map(table -> own.withWeight(table.name())).orElse(own);
        }

        public List<Parameter> parameters() {
            return List.of(output());
        }
    }

    /**
     * Another spelling of tensor names in checkpoints of a family: the prefix {@code to} replaces {@code from}.
     */
    public record Spelling(String from, String to) {
        /** The spelling of a model's spec. */
        public static final Spelling CANONICAL = new Spelling("", "");

        /** Returns {@code name} in this spelling. */
        public String of(String name) {
            return name.startsWith(from) ? to + name.substring(from.length()) : name;
        }
    }
}
