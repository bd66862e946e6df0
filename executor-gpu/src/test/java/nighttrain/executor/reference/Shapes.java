package nighttrain.executor.reference;

import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import nighttrain.io.spec.Attention;
import nighttrain.io.spec.Attention.Projections;
import nighttrain.io.spec.GatedDeltaNet;
import nighttrain.io.spec.LayerSpec;
import nighttrain.io.spec.LayerSpec.FeedForward;
import nighttrain.io.spec.LayerSpec.Mixer;
import nighttrain.io.spec.LayerSpec.Residual;
import nighttrain.io.spec.Mamba2;
import nighttrain.io.spec.MixtureOfExperts;
import nighttrain.io.spec.MixtureOfExperts.Activation;
import nighttrain.io.spec.MixtureOfExperts.Expert;
import nighttrain.io.spec.MixtureOfExperts.Router;
import nighttrain.io.spec.MixtureOfExperts.Router.Groups;
import nighttrain.io.spec.MixtureOfExperts.Router.Score;
import nighttrain.io.spec.MixtureOfExperts.Shared;
import nighttrain.io.spec.Mlp;
import nighttrain.io.spec.ModelSpec;
import nighttrain.io.spec.ModelSpec.Embedding;
import nighttrain.io.spec.ModelSpec.Head;
import nighttrain.io.spec.Parameter.Convolution;
import nighttrain.io.spec.Parameter.Linear;
import nighttrain.io.spec.Parameter.Norm;
import nighttrain.io.spec.Parameter.Table;
import nighttrain.io.spec.Parameter.Vector;
import nighttrain.io.spec.Rope;
import nighttrain.io.spec.Rope.Scaling;
import nighttrain.io.spec.TensorSpec;
import nighttrain.io.spec.Wiring;

/** Small models, one per architecture and block. */
public enum Shapes {
    DENSE(Wiring.dense()),
    PARALLEL_BLOCK(Wiring.parallelBlock()),
    LADDER(Wiring.ladder(4)),
    LADDER_LAST_2(Wiring.ladder(2)),
    TRACKS_MEAN(Wiring.parallelTrack(4, 2, Wiring.Combine.MEAN)),
    TRACKS_SUM(Wiring.parallelTrack(4, 1, Wiring.Combine.SUM)),
    EIGHT_TRACKS(Wiring.parallelTrack(8, 4, Wiring.Combine.MEAN)),
    KRAKEN(kraken(4)),
    KRAKEN_AUTHORS_BLOCK(kraken(4)),
    KRAKEN_AUTHORS_DEFAULTS(Wiring.kraken(4, Linear.of("model.join", 24, 4 * 24, false))),
    DESYNC(new Wiring.Desync(4, 2)),
    DESYNC_EVERY_3(new Wiring.Desync(4, 3)),
    DELAYED(new Wiring.Delayed(4, 1, true, false)),
    DELAYED_UNSUMMED(new Wiring.Delayed(4, 2, false, true)),
    FINISHED_DENSE(Wiring.dense()),
    FINISHED_LADDER(Wiring.ladder(4)),
    FINISHED_LADDER_LAST_2(Wiring.ladder(2)),
    FINISHED_TRACKS(Wiring.parallelTrack(4, 2, Wiring.Combine.MEAN)),
    FINISHED_KRAKEN(kraken(4)),
    EXPERTS_DENSE(Wiring.dense()),
    EXPERTS_PARALLEL_BLOCK(Wiring.parallelBlock()),
    EXPERTS_LADDER(Wiring.ladder(4)),
    EXPERTS_TRACKS(Wiring.parallelTrack(4, 2, Wiring.Combine.MEAN)),
    EXPERTS_KRAKEN(kraken(4)),
    FINISHED_DESYNC(new Wiring.Desync(4, 3)),
    FINISHED_DELAYED(new Wiring.Delayed(4, 1, true, true)),
    FINISHED_DELAYED_UNSUMMED(new Wiring.Delayed(4, 2, false, false)),
    HYBRID_DENSE(Wiring.dense()),
    HYBRID_PARALLEL_BLOCK(Wiring.parallelBlock()),
    HYBRID_LADDER(Wiring.ladder(4)),
    HYBRID_TRACKS(Wiring.parallelTrack(4, 2, Wiring.Combine.MEAN)),
    HYBRID_KRAKEN(kraken(4)),
    RECURRENT(Wiring.dense()),
    ONE_GROUP_DENSE(Wiring.dense()),
    ONE_GROUP_PARALLEL_BLOCK(Wiring.parallelBlock()),
    ONE_GROUP_LADDER(Wiring.ladder(4)),
    ONE_GROUP_LADDER_LAST_2(Wiring.ladder(2)),
    ONE_GROUP_TRACKS(Wiring.parallelTrack(4, 2, Wiring.Combine.MEAN)),
    ONE_GROUP_EXPERTS(Wiring.dense()),
    WIDE_STATES_DENSE(Wiring.dense()),
    WIDE_STATES_TRACKS(Wiring.parallelTrack(4, 2, Wiring.Combine.MEAN));

    public static final int LAYERS = 4;
    public static final int VOCABULARY = 61;
    public static final int POSITIONS = 128;

    private static final int HIDDEN = 24;
    private static final int INTERMEDIATE = 40;
    private static final int EXPERTS = 8;
    private static final int EXPERT_WIDTH = 10;
    private static final int HEADS = 4;
    private static final int HEAD_DIM = 8;
    private static final int VALUE_DIM = 5;
    private static final int STATE_SIZE = 6;
    private static final int WIDE_DIM = 16; // width of states that fit tensor cores
    private static final double EPSILON = 1e-5;

    private final Wiring wiring;

    Shapes(Wiring wiring) {
        this.wiring = wiring;
    }

    public ModelSpec model() {
        return switch (this) {
            case KRAKEN_AUTHORS_BLOCK -> model(wiring, new Style(false, true, HEAD_DIM, false, false, ""));
            case KRAKEN_AUTHORS_DEFAULTS -> model(wiring, new Style(false, false, 7, false, false, ""));
            case FINISHED_DENSE,
                    FINISHED_LADDER,
                    FINISHED_LADDER_LAST_2,
                    FINISHED_TRACKS,
                    FINISHED_KRAKEN,
                    FINISHED_DESYNC,
                    FINISHED_DELAYED,
                    FINISHED_DELAYED_UNSUMMED -> model(wiring, new Style(true, false, HEAD_DIM, true, false, ""));
            case EXPERTS_DENSE, EXPERTS_PARALLEL_BLOCK, EXPERTS_LADDER, EXPERTS_TRACKS, EXPERTS_KRAKEN ->
                model(wiring, new Style(true, false, HEAD_DIM, false, true, ""));
            case HYBRID_DENSE, HYBRID_PARALLEL_BLOCK, HYBRID_LADDER, HYBRID_TRACKS, HYBRID_KRAKEN ->
                model(wiring, new Style(true, false, HEAD_DIM, false, false, "dama"));
            case RECURRENT -> model(wiring, new Style(true, false, HEAD_DIM, false, false, "dmdm"));
            case ONE_GROUP_DENSE,
                    ONE_GROUP_PARALLEL_BLOCK,
                    ONE_GROUP_LADDER,
                    ONE_GROUP_LADDER_LAST_2,
                    ONE_GROUP_TRACKS -> model(wiring, new Style(true, false, HEAD_DIM, false, false, "ooao"));
            case ONE_GROUP_EXPERTS -> model(wiring, new Style(true, false, HEAD_DIM, false, true, "ooao"));
            case WIDE_STATES_DENSE, WIDE_STATES_TRACKS ->
                model(wiring, new Style(true, false, HEAD_DIM, false, false, "wawa"));
            default -> model(wiring);
        };
    }

    /**
     * The style of layers: Llama's, or those of Kraken's authors, with or without biases and with odd head widths.
     *
     * @param finished adds features of families beyond Llama: norms after modules, norms of weight {@code 1 + w}, multipliers of embedding,
     *     attention, modules and logits, GeGLU, a layer without rope, queries scaled by their position, capped logits
     * @param experts adds a mixture of experts to every layer, of a different kind in each
     * @param mixers one letter per layer: {@code d} for a gated delta net, {@code w} for one with wide states, {@code m} for Mamba-2, {@code o} for
     *     Mamba-2 with one group, {@code a} for attention with an output gate; empty for plain attention in all layers
     */
    private record Style(boolean llama, boolean bias, int headDim, boolean finished, boolean experts, String mixers) {}

    /** Returns the wiring of Kraken with {@code tracks} tracks of these sizes. */
    public static Wiring kraken(int tracks) {
        return Wiring.kraken(tracks, Linear.of("model.join", HIDDEN, tracks * HIDDEN, true));
    }

    /** Returns a model with Llama's layers: RMSNorm, RoPE, SwiGLU, no biases. */
    public static ModelSpec model(Wiring wiring) {
        return model(wiring, new Style(true, false, HEAD_DIM, false, false, ""));
    }

    /** Returns a model with Llama's layers or with those that Kraken's authors used: LayerNorm, learned positions, GELU. */
    private static ModelSpec model(Wiring wiring, Style style) {
        String prefix = wiring.hasTracks() ? "model.tracks." + TensorSpec.TRACK + ".layers." : "model.layers.";
        List<LayerSpec> layers = IntStream.range(0, LAYERS)
                .mapToObj(number -> layer(prefix + number + ".", number, wiring, style))
                .toList();
        Table tokens = new Table("model.embed_tokens.weight", VOCABULARY, HIDDEN);
        Optional<Table> positions = style.llama()
                ? Optional.empty()
                : Optional.of(new Table("model.embed_positions.weight", POSITIONS, HIDDEN));
        return new ModelSpec(
                "test",
                POSITIONS,
                new Embedding(tokens, style.finished() ? 1.5 : 1, positions),
                layers,
                wiring,
                norm("model.norm", style),
                new Head(
                        Linear.of("lm_head", VOCABULARY, HIDDEN, false),
                        Optional.empty(),
                        style.finished() ? 1.25 : 1,
                        style.finished() ? 2 : 0),
                List.of());
    }

    private static LayerSpec layer(String at, int number, Wiring wiring, Style style) {
        boolean llama = style.llama();
        boolean bias = style.bias();
        int queries = HEADS * style.headDim();
        Attention attention = new Attention(
                HEADS,
                HEADS,
                style.headDim(),
                new Projections(
                        Linear.of(at + "self_attn.q_proj", queries, HIDDEN, bias),
                        Linear.of(at + "self_attn.k_proj", queries, HIDDEN, bias),
                        Linear.of(at + "self_attn.v_proj", queries, HIDDEN, bias),
                        Linear.of(at + "self_attn.o_proj", HIDDEN, queries, bias)),
                Optional.empty(),
                llama && !(style.finished() && number == 1)
                        ? Optional.of(new Rope(HEAD_DIM, 100, new Scaling.None()))
                        : Optional.empty(),
                0,
                style.finished() ? 0.3 : Attention.scaleOf(style.headDim()),
                style.finished() ? Optional.of(new Attention.QueryScale(0.5, 4)) : Optional.empty(),
                Optional.empty());
        Mlp mlp = new Mlp(
                llama && !style.finished() ? Mlp.Activation.SILU : Mlp.Activation.GELU_TANH,
                llama ? Optional.of(Linear.of(at + "mlp.gate_proj", INTERMEDIATE, HIDDEN, false)) : Optional.empty(),
                Linear.of(at + "mlp.up_proj", INTERMEDIATE, HIDDEN, bias),
                Linear.of(at + "mlp.down_proj", HIDDEN, INTERMEDIATE, bias));
        Norm first = norm(at + "input_layernorm", style);
        Mixer mixer =
                style.mixers().isEmpty() ? attention : mixer(style.mixers().charAt(number), at, attention);
        if (style.finished()) {
            return new LayerSpec(
                    Optional.of(first),
                    attention,
                    new Residual(Optional.of(norm(at + "after_attention_norm", style)), 0.75),
                    Optional.of(norm(at + "post_attention_layernorm", style)),
                    mlp,
                    Residual.times(0.5));
        }
        FeedForward feedForward = style.experts() ? mixture(at + "mlp.", number) : mlp;
        return wiring instanceof Wiring.ParallelBlock
                ? LayerSpec.sideBySide(first, mixer, feedForward)
                : LayerSpec.preNorm(first, mixer, norm(at + "post_attention_layernorm", style), feedForward);
    }

    /** Returns the mixture of a layer: shared expert with gate; sigmoid, groups, shared expert; biases, clamp; or norm and scales of the router. */
    private static MixtureOfExperts mixture(String at, int number) {
        Linear logits = Linear.of(at + "gate", EXPERTS, HIDDEN, number == 2);
        Mlp shared = new Mlp(
                Mlp.Activation.SILU,
                Optional.of(Linear.of(at + "shared.gate_proj", INTERMEDIATE, HIDDEN, false)),
                Linear.of(at + "shared.up_proj", INTERMEDIATE, HIDDEN, false),
                Linear.of(at + "shared.down_proj", HIDDEN, INTERMEDIATE, false));
        Router router = switch (number) {
            case 0 -> Router.softmax(logits, 2, true).cappedTo(2);
            case 1 ->
                router(
                        logits,
                        Optional.empty(),
                        Score.SIGMOID,
                        Optional.of(new Vector(at + "correction", EXPERTS, TensorSpec.Fill.ZERO)),
                        Optional.of(new Groups(4, 2)),
                        Optional.empty());
            case 2 -> Router.softmaxOfChosen(logits, 2);
            default ->
                router(
                        logits,
                        Optional.of(Norm.rms(at + "router_norm", HIDDEN, EPSILON)),
                        Score.SOFTMAX,
                        Optional.empty(),
                        Optional.empty(),
                        Optional.of(new Vector(at + "scales", EXPERTS, TensorSpec.Fill.ONE)));
        };
        List<Expert> experts = IntStream.range(0, EXPERTS)
                .mapToObj(e -> new Expert(
                        Optional.of(Linear.of(at + e + ".gate_proj", EXPERT_WIDTH, HIDDEN, number == 2)),
                        Linear.of(at + e + ".up_proj", EXPERT_WIDTH, HIDDEN, number == 2),
                        Linear.of(at + e + ".down_proj", HIDDEN, EXPERT_WIDTH, number == 2)))
                .toList();
        return new MixtureOfExperts(
                router,
                switch (number) {
                    case 2 -> new Activation.ClampedSwiGlu(1.5, 1);
                    case 3 -> new Activation.Plain(Mlp.Activation.GELU_TANH);
                    default -> new Activation.Plain(Mlp.Activation.SILU);
                },
                experts,
                switch (number) {
                    case 0 ->
                        Optional.of(new Shared(shared, Optional.of(Linear.of(at + "shared_gate", 1, HIDDEN, false))));
                    case 1 -> Optional.of(new Shared(shared, Optional.empty()));
                    default -> Optional.empty();
                });
    }

    private static Router router(
            Linear logits,
            Optional<Norm> norm,
            Score score,
            Optional<Vector> correction,
            Optional<Groups> groups,
            Optional<Vector> scales) {
        return new Router(norm, logits, 0, score, correction, groups, 2, true, 1.25, scales);
    }

    private static Mixer mixer(char kind, String at, Attention attention) {
        Projections plain = attention.projections();
        return switch (kind) {
            case 'd' -> deltaNet(at + "linear_attn.", HEAD_DIM, VALUE_DIM);
            case 'w' -> deltaNet(at + "linear_attn.", WIDE_DIM, WIDE_DIM);
            case 'm' -> mamba(at + "mamba.", HEADS);
            case 'o' -> mamba(at + "mamba.", 1);
            default ->
                attention.with(new Projections(
                        plain.query(),
                        plain.key(),
                        plain.value(),
                        Optional.of(
                                Linear.of(at + "self_attn.g_proj", plain.query().outputs(), HIDDEN, false)),
                        plain.output()));
        };
    }

    private static GatedDeltaNet deltaNet(String net, int keyDim, int valueDim) {
        int values = 2 * HEADS;
        return new GatedDeltaNet(
                new GatedDeltaNet.Heads(HEADS, values, keyDim, valueDim),
                new GatedDeltaNet.Inputs(
                        Linear.of(net + "q_proj", HEADS * keyDim, HIDDEN, false),
                        Linear.of(net + "k_proj", HEADS * keyDim, HIDDEN, false),
                        Linear.of(net + "v_proj", values * valueDim, HIDDEN, false),
                        Linear.of(net + "g_proj", values * valueDim, HIDDEN, false),
                        Linear.of(net + "b_proj", values, HIDDEN, false),
                        Linear.of(net + "a_proj", values, HIDDEN, false)),
                Convolution.of(net + "conv1d", 2 * HEADS * keyDim + values * valueDim, 4),
                new Vector(net + "A_log", values, TensorSpec.Fill.ZERO),
                new Vector(net + "dt_bias", values, TensorSpec.Fill.ONE),
                Norm.rms(net + "norm", valueDim, EPSILON),
                Linear.of(net + "o_proj", HIDDEN, values * valueDim, false));
    }

    private static Mamba2 mamba(String at, int groups) {
        int heads = 2 * HEADS;
        int values = heads * VALUE_DIM;
        int ofGroups = groups * STATE_SIZE;
        return new Mamba2(
                new Mamba2.Heads(heads, VALUE_DIM, groups, STATE_SIZE),
                new Mamba2.Inputs(
                        Linear.of(at + "x_proj", values, HIDDEN, false),
                        Linear.of(at + "b_proj", ofGroups, HIDDEN, false),
                        Linear.of(at + "c_proj", ofGroups, HIDDEN, false),
                        Linear.of(at + "z_proj", values, HIDDEN, false),
                        Linear.of(at + "dt_proj", heads, HIDDEN, false)),
                new Convolution(at + "conv1d.weight", Optional.of(at + "conv1d.bias"), values + 2 * ofGroups, 4),
                new Vector(at + "A_log", heads, TensorSpec.Fill.ZERO),
                new Vector(at + "dt_bias", heads, TensorSpec.Fill.ONE),
                new Vector(at + "D", heads, TensorSpec.Fill.ONE),
                new Mamba2.Steps(0.1, 1.5),
                Norm.rms(at + "norm", values, EPSILON),
                Linear.of(at + "out_proj", HIDDEN, values, false));
    }

    private static Norm norm(String name, Style style) {
        if (style.finished()) {
            return Norm.rms(name, HIDDEN, EPSILON).withOnePlusWeight();
        }
        return style.llama() ? Norm.rms(name, HIDDEN, EPSILON) : Norm.layer(name, HIDDEN, EPSILON, style.bias());
    }
}
