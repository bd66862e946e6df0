package nighttrain.io.spec.families;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import nighttrain.io.UserError;
import nighttrain.io.spec.Attention;
import nighttrain.io.spec.Attention.Projections;
import nighttrain.io.spec.LayerSpec;
import nighttrain.io.spec.Mlp;
import nighttrain.io.spec.ModelSpec;
import nighttrain.io.spec.ModelSpec.Embedding;
import nighttrain.io.spec.ModelSpec.Head;
import nighttrain.io.spec.Parameter.Linear;
import nighttrain.io.spec.Parameter.Norm;
import nighttrain.io.spec.Parameter.Table;
import nighttrain.io.spec.Rope;
import nighttrain.io.spec.TensorSpec.Stacked;
import nighttrain.io.spec.Wiring;

/**
 * Laneformer (kogai/laneformer-2b-it), read as its own code for transformers reads it: a Llama cut into lanes, whose weights are stacked,
 * {@code [lanes, out, in]}, with rotary pairs side by side. Sizes are those of all lanes together.
 */
record Laneformer(Sizes sizes, int lanes, double epsilon) {
    static ModelSpec read(ConfigJson json) {
        Sizes sizes = Sizes.of(json, new Sizes.Defaults(131_072, 0, 0));
        int lanes = json.requiredParts("num_lanes");
        checkDivides(json, lanes, "num_attention_heads", sizes.heads());
        checkDivides(json, lanes, "num_key_value_heads", sizes.kvHeads());
        checkDivides(json, lanes, "intermediate_size", sizes.intermediate());
        Laneformer model = new Laneformer(sizes, lanes, json.positive("norm_eps", 1e-5));
        boolean sharesNorms = json.flag("replicated_rmsn_scale", true);
        boolean sumsLanes = json.flag("pre_norm_lane_agg", false);
        Rope rope = Ropes.whole(json, sizes);
        List<Integer> windows = windows(json, sizes.layers());
        List<LayerSpec> layers = new ArrayList<>();
        for (int i = 0; i < sizes.layers(); i++) {
            String layer = LlamaNames.layer(i);
            layers.add(LayerSpec.preNorm(
                    model.norm(layer + "attention_norm", sharesNorms),
                    model.attention(layer + "attention.", rope, windows.get(i)),
                    model.norm(layer + "ffn_norm", sharesNorms),
                    model.mlp(layer + "feed_forward.")));
        }
        Table tokens = new Table("model.tok_embeddings.weight", sizes.vocabulary(), sizes.hidden());
        return new ModelSpec(
                json.text("model_type", ""),
                sizes.positions(),
                Embedding.of(tokens),
                layers,
                model.wiring(json, sumsLanes),
                model.norm("model.norm", sharesNorms || sumsLanes),
                head(json, sizes, tokens),
                List.of());
    }

    private static void checkDivides(ConfigJson json, int lanes, String key, int size) {
        if (size % lanes != 0) {
            throw UserError.of(
                    "bad num_lanes in " + json.file(), lanes, "must divide " + key + ", " + size + "; correct it");
        }
    }

    /** Returns the wiring. Lanes that do not communicate before the end are refused: they are an experiment of its authors. */
    private Wiring wiring(ConfigJson json, boolean sumsLanes) {
        for (String key : List.of("use_comm", "use_attention_comm", "use_mlp_comm")) {
            if (!json.flag(key, true)) {
                throw json.unsupported(key, "only true is supported; choose another model");
            }
        }
        return new Wiring.Delayed(
                lanes, json.size("broadcast_delay", 1), json.flag("use_early_comm", true), !sumsLanes);
    }

    private static Head head(ConfigJson json, Sizes sizes, Table tokens) {
        if (!json.text("lm_head_type", "replicate").equals("replicate")) {
            throw json.unsupported("lm_head_type", "only replicate is supported; choose another model");
        }
        return Head.of(
                Linear.of("lm_head", sizes.vocabulary(), sizes.hidden(), false),
                json.flag("tie_word_embeddings", false),
                tokens);
    }

    /**
     * Returns the window of each layer: {@code swa_layers} names the layers with one, or the first or last {@code sliding_window_n_layers} have one.
     */
    private static List<Integer> windows(ConfigJson json, int layers) {
        int window = json.size("sliding_window", 0);
        Set<Integer> full = json.layerNumbers("unclamped_layers", layers).orElse(Set.of());
        Optional<Set<Integer>> named = json.layerNumbers("swa_layers", layers);
        int count = json.integer("sliding_window_n_layers", 0);
        Set<Integer> sliding = named.orElseGet(() -> IntStream.range(0, layers)
                .filter(layer -> layer < count || layer >= layers + count)
                .boxed()
                .collect(Collectors.toSet()));
        if (window == 0 && !sliding.isEmpty()) {
            throw json.bad(named.isPresent() ? "swa_layers" : "sliding_window_n_layers", "none without sliding_window");
        }
        return IntStream.range(0, layers)
                .mapToObj(layer -> sliding.contains(layer) && !full.contains(layer) ? window : 0)
                .toList();
    }

    private Attention attention(String at, Rope rope, int window) {
        int headDim = sizes.headDim();
        int queries = sizes.heads() / lanes * headDim;
        int keys = sizes.kvHeads() / lanes * headDim;
        Linear.Order pairs = new Linear.Order.PairsApart(headDim);
        Linear.Storage ofQueries = new Linear.Storage(0, pairs, queries, false);
        Linear.Storage ofKeys = new Linear.Storage(0, pairs, keys, false);
        return Attention.of(
                sizes.heads() / lanes,
                sizes.kvHeads() / lanes,
                headDim,
                new Projections(
                        linear(at + "wq", queries, sizes.hidden()).storedAs(ofQueries),
                        linear(at + "wk", keys, sizes.hidden()).storedAs(ofKeys),
                        linear(at + "wv", keys, sizes.hidden()),
                        linear(at + "wo", sizes.hidden(), queries)),
                Optional.empty(),
                Optional.of(rope),
                window);
    }

    private Mlp mlp(String at) {
        int width = sizes.intermediate() / lanes;
        return new Mlp(
                Mlp.Activation.SILU,
                Optional.of(linear(at + "w1", width, sizes.hidden())),
                linear(at + "w3", width, sizes.hidden()),
                linear(at + "w2", sizes.hidden(), width));
    }

    private Linear linear(String name, int outputs, int inputs) {
        return Linear.of(name, outputs, inputs, false).withWeight(Stacked.byTrack(name + ".weight", lanes));
    }

    /** Returns one norm for all lanes, or one per lane, stacked. */
    private Norm norm(String name, boolean isShared) {
        Norm shared = Norm.rms(name, sizes.hidden(), epsilon);
        return isShared ? shared : shared.withWeight(Stacked.byTrack(name + ".scale", lanes));
    }
}
