package nighttrain.io.spec.families;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.util.List;
import nighttrain.io.ModelDir;
import nighttrain.io.spec.Attention;
import nighttrain.io.spec.Mlp;
import nighttrain.io.spec.ModelSpec;
import nighttrain.io.spec.Parameter.Linear;
import nighttrain.io.spec.Parameter.Norm;
import nighttrain.io.spec.Rope;
import nighttrain.io.spec.Rope.Scaling;
import nighttrain.io.spec.TensorSpec;
import nighttrain.io.spec.Wiring;
import nighttrain.io.spec.Wiring.Combine;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class FamiliesTest {
    @TempDir
    Path dir;

    @Test
    void llamaWithItsOwnDefaults() {
        ModelSpec config =
                ModelDir.of(dir, "llama").without("num_key_value_heads").read();
        assertThat(config.modelType()).isEqualTo("llama");
        assertThat(config.layers()).hasSize(4);
        assertThat(config.hiddenSize()).isEqualTo(32);
        assertThat(mlp(config).width()).isEqualTo(48);
        assertThat(attention(config).heads()).isEqualTo(4);
        assertThat(attention(config).kvHeads()).isEqualTo(4);
        assertThat(attention(config).headDim()).isEqualTo(8);
        assertThat(config.vocabSize()).isEqualTo(96);
        assertThat(config.maxPositions()).isEqualTo(2048);
        assertThat(config.finalNorm().epsilon()).isEqualTo(1e-6);
        assertThat(rope(config).theta()).isEqualTo(10_000);
        assertThat(rope(config).scaling()).isEqualTo(new Scaling.None());
        assertThat(attention(config).projections().query().bias().isPresent()).isFalse();
        assertThat(attention(config).projections().output().bias().isPresent()).isFalse();
        assertThat(mlp(config).down().bias().isPresent()).isFalse();
        assertThat(attention(config).headNorms().isPresent()).isFalse();
        assertThat(windows(config)).containsExactly(0, 0, 0, 0);
        assertThat(config.head().tiedTo().isPresent()).isFalse();
        assertThat(config.wiring()).isEqualTo(Wiring.dense());
    }

    @Test
    void llamaWithEverythingSaid() {
        ModelSpec config = ModelDir.of(dir, "llama")
                .with("head_dim", "16")
                .with("max_position_embeddings", "512")
                .with("rms_norm_eps", "1e-5")
                .with("attention_bias", "true")
                .with("mlp_bias", "true")
                .with("tie_word_embeddings", "true")
                .with("sliding_window", "8")
                .read();
        assertThat(attention(config).headDim()).isEqualTo(16);
        assertThat(attention(config).kvHeads()).isEqualTo(2);
        assertThat(config.maxPositions()).isEqualTo(512);
        assertThat(config.finalNorm().epsilon()).isEqualTo(1e-5);
        assertThat(attention(config).projections().query().bias().isPresent()).isTrue();
        assertThat(attention(config).projections().output().bias().isPresent()).isTrue();
        assertThat(mlp(config).down().bias().isPresent()).isTrue();
        assertThat(config.head().tiedTo().isPresent()).isTrue();
        assertThat(windows(config)).as("llama knows no windows").containsOnly(0);
    }

    @Test
    void nullIsAsManyKeysAsQueries() {
        assertThat(attention(ModelDir.of(dir, "mistral")
                                .with("num_key_value_heads", "null")
                                .read())
                        .kvHeads())
                .isEqualTo(4);
    }

    @Test
    void mistralSlidesInEveryLayer() {
        ModelDir model = ModelDir.of(dir, "mistral");
        assertThat(windows(model.read())).as("transformers' default").containsOnly(4096);
        assertThat(windows(model.with("sliding_window", "8").read())).containsExactly(8, 8, 8, 8);
        assertThat(windows(model.with("sliding_window", "null").read())).containsOnly(0);
        assertThat(attention(model.with("attention_bias", "true").read())
                        .projections()
                        .query()
                        .bias()
                        .isPresent())
                .isFalse();
        assertThat(model.read().maxPositions()).isEqualTo(131_072);
    }

    @Test
    void qwen2HasBiasesWhateverIsSaid() {
        ModelSpec config =
                ModelDir.of(dir, "qwen2").with("attention_bias", "false").read();
        assertThat(attention(config).projections().query().bias().isPresent()).isTrue();
        assertThat(attention(config).projections().output().bias().isPresent()).isFalse();
        assertThat(attention(config).headNorms().isPresent()).isFalse();
        assertThat(windows(config)).containsOnly(0);
        assertThat(config.maxPositions()).isEqualTo(32_768);
    }

    @Test
    void qwen3NormsQueriesAndKeys() {
        ModelSpec config = ModelDir.of(dir, "qwen3").read();
        assertThat(attention(config).headNorms().isPresent()).isTrue();
        assertThat(attention(config).headDim()).as("transformers' default").isEqualTo(128);
        assertThat(attention(config).projections().query().bias().isPresent()).isFalse();
        ModelSpec biased =
                ModelDir.of(dir, "qwen3").with("attention_bias", "true").read();
        assertThat(attention(biased).projections().query().bias().isPresent()).isTrue();
        assertThat(attention(biased).projections().output().bias().isPresent()).isTrue();
    }

    @Test
    void qwenSlidesWhereItIsTold() {
        ModelDir model = ModelDir.of(dir, "qwen2").with("sliding_window", "16").with("max_window_layers", "3");
        assertThat(windows(model.read())).as("not switched on").containsOnly(0);
        model.with("use_sliding_window", "true");
        assertThat(windows(model.read())).containsExactly(0, 0, 0, 16);
        assertThat(windows(model.with("max_window_layers", "0").read())).containsOnly(16);
        model.with(
                "layer_types",
                "[\"sliding_attention\", \"full_attention\", \"sliding_attention\", \"full_attention\"]");
        assertThat(windows(model.read())).containsExactly(16, 0, 16, 0);
    }

    @Test
    void ropeBeforeTransformers5() {
        ModelSpec config = ModelDir.of(dir, "llama")
                .with("rope_theta", "500000.0")
                .with("max_position_embeddings", "512")
                .with(
                        "rope_scaling",
                        "{\"type\": \"llama3\", \"factor\": 8, \"low_freq_factor\": 1, \"high_freq_factor\": 4}")
                .read();
        assertThat(rope(config).theta()).isEqualTo(500_000);
        assertThat(rope(config).scaling())
                .as("without an original length the model's own counts")
                .isEqualTo(new Scaling.Llama3(8, 1, 4, 512));
    }

    @Test
    void ropeSinceTransformers5() {
        ModelSpec config =
                ModelDir.of(dir, "llama").with("rope_parameters", """
                        {"rope_type": "llama3", "rope_theta": 7000, "factor": 8.0, "low_freq_factor": 1.0,
                         "high_freq_factor": 4.0, "original_max_position_embeddings": 128}""").read();
        assertThat(rope(config).theta()).isEqualTo(7000);
        assertThat(rope(config).scaling()).isEqualTo(new Scaling.Llama3(8, 1, 4, 128));
    }

    @Test
    void linearRope() {
        ModelSpec config = ModelDir.of(dir, "llama")
                .with("rope_scaling", "{\"rope_type\": \"linear\", \"factor\": 2.5}")
                .read();
        assertThat(rope(config).scaling()).isEqualTo(new Scaling.Linear(2.5));
        assertThat(rope(ModelDir.of(dir, "llama").with("rope_scaling", "null").read())
                        .scaling())
                .isEqualTo(new Scaling.None());
    }

    @Test
    void tracksWithSizesPerTrack() {
        ModelSpec config = ModelDir.of(dir, "parallel_track")
                .with("num_tracks", "8")
                .with("track_block_depth", "2")
                .read();
        assertThat(config.wiring()).isEqualTo(Wiring.parallelTrack(8, 2, Combine.MEAN));
        assertThat(config.trackCount()).isEqualTo(8);
        assertThat(attention(config).heads()).isEqualTo(4);
        assertThat(ModelDir.of(dir, "parallel_track")
                        .with("num_tracks", "2")
                        .with("track_block_depth", "4")
                        .with("track_combine", "\"sum\"")
                        .read()
                        .wiring())
                .isEqualTo(Wiring.parallelTrack(2, 4, Combine.SUM));
    }

    @Test
    void wiringOfTheOtherPapers() {
        assertThat(ModelDir.of(dir, "llama")
                        .with("parallel_block", "true")
                        .read()
                        .wiring())
                .isEqualTo(Wiring.parallelBlock());
        assertThat(ModelDir.of(dir, "qwen2").with("ladder_layers", "3").read().wiring())
                .isEqualTo(Wiring.ladder(3));
        ModelSpec kraken = ModelDir.of(dir, "kraken")
                .with("num_tracks", "6")
                .with("hidden_act", "\"gelu_new\"")
                .with("norm", "\"layer\"")
                .with("position", "\"learned\"")
                .with("bias", "true")
                .read();
        assertThat(kraken.wiring()).isEqualTo(Wiring.kraken(6, Linear.of("model.join", 32, 6 * 32, true)));
        assertThat(kraken.finalNorm().kind()).isEqualTo(Norm.Kind.LAYER);
        assertThat(mlp(kraken).activation()).isEqualTo(Mlp.Activation.GELU_TANH);
        assertThat(kraken.embedding().positions().isPresent()).isTrue();
        assertThat(attention(kraken).projections().query().bias().isPresent()).isTrue();
    }

    @Test
    void pythonsJsonIsRead() {
        assertThat(ModelDir.of(dir, "llama")
                        .with("attention_dropout", "NaN")
                        .read()
                        .layers())
                .hasSize(4);
    }

    @Test
    void mistralSlidesWhereLayerTypesSay() {
        assertThat(windows(ModelDir.of(dir, "mistral")
                        .with("sliding_window", "8")
                        .with(
                                "layer_types",
                                "[\"sliding_attention\", \"full_attention\", \"sliding_attention\", \"full_attention\"]")
                        .read()))
                .containsExactly(8, 0, 8, 0);
    }

    /** transformers' Llama rotates whole heads whatever the key says; its Phi obeys the key. */
    @Test
    void partsOfHeads() {
        assertThat(rope(ModelDir.of(dir, "llama")
                                .with("partial_rotary_factor", "0.5")
                                .read())
                        .dims())
                .isEqualTo(8);
        assertThat(rope(ModelDir.of(dir, "phi")
                                .with("partial_rotary_factor", "0.25")
                                .read())
                        .dims())
                .isEqualTo(2);
    }

    @Test
    void yarn() {
        String keys = "{\"type\": \"yarn\", \"factor\": 4.0, \"original_max_position_embeddings\": 512";
        ModelDir model = ModelDir.of(dir, "qwen2").with("rope_scaling", keys + "}");
        assertThat(rope(model.read()).scaling())
                .isEqualTo(new Scaling.Yarn(4, 32, 1, 512, true, 0.1 * Math.log(4) + 1));
        assertThat(rope(model.with("rope_scaling", keys + ", \"mscale\": 1.0, \"mscale_all_dim\": 1.0}")
                                .read())
                        .scaling())
                .isEqualTo(new Scaling.Yarn(4, 32, 1, 512, true, 1));
        assertThat(rope(model.with(
                                        "rope_scaling",
                                        keys + ", \"attention_factor\": 1.5, \"beta_fast\": 16, \"truncate\": false}")
                                .read())
                        .scaling())
                .isEqualTo(new Scaling.Yarn(4, 16, 1, 512, false, 1.5));
        assertThat(rope(model.with("rope_scaling", keys + ", \"truncate\": null}")
                                .read())
                        .scaling())
                .as("null is false to transformers")
                .isEqualTo(new Scaling.Yarn(4, 32, 1, 512, false, 0.1 * Math.log(4) + 1));
    }

    @Test
    void gpt2WithoutItsScale() {
        ModelDir gpt2 = ModelDir.of(dir, "gpt2")
                .with("n_layer", "2")
                .with("n_embd", "32")
                .with("n_head", "8");
        assertThat(attention(gpt2.read()).scale()).isEqualTo(0.5);
        assertThat(attention(gpt2.with("scale_attn_weights", "false").read()).scale())
                .isEqualTo(1);
    }

    @Test
    void otherNamesOfGpt2sSizesWin() {
        ModelDir model = ModelDir.of(dir, "gpt2")
                .with("hidden_size", "48")
                .with("num_attention_heads", "2")
                .with("num_hidden_layers", "3")
                .with("max_position_embeddings", "64");
        ModelSpec gpt2 = model.read();
        assertThat(gpt2.hiddenSize()).isEqualTo(48);
        assertThat(attention(gpt2).heads()).isEqualTo(2);
        assertThat(gpt2.layers()).hasSize(3);
        assertThat(gpt2.maxPositions()).isEqualTo(64);
        assertThatThrownBy(model.with("num_attention_heads", "5")::read)
                .hasMessage(
                        "bad num_attention_heads in %s: 5 (must divide hidden_size, 48; correct it)",
                        model.configFile());
    }

    /** Kraken's training script has no biases by default, and its learned positions allow heads of any width. */
    @Test
    void krakenAsItsAuthorsTrainIt() {
        ModelSpec kraken = ModelDir.of(dir, "kraken")
                .with("num_tracks", "6")
                .with("hidden_size", "21")
                .with("num_attention_heads", "3")
                .with("num_key_value_heads", "3")
                .with("hidden_act", "\"gelu_new\"")
                .with("norm", "\"layer\"")
                .with("position", "\"learned\"")
                .read();
        assertThat(attention(kraken).headDim()).isEqualTo(7);
        assertThat(names(kraken)).noneMatch(name -> name.endsWith(".bias"));
    }

    @Test
    void laddersAsTheirAuthorsSaveThem() {
        ModelDir ladder = ModelDir.of(dir, "llamaLadder").with("ladder_layers", "[2, 3, 1]");
        assertThat(ladder.read().wiring()).isEqualTo(Wiring.ladder(3));
        assertThat(ladder.with("ladder_layers", "[]").read().wiring()).isEqualTo(Wiring.dense());
        assertThat(ModelDir.of(dir, "llama").with("ladder_layers", "[3]").read().wiring())
                .isEqualTo(Wiring.ladder(1));
    }

    @Test
    void tensorsAreNamedAsTheirFamilyPublishesThem() {
        assertThat(names(ModelDir.of(dir, "phi").read()))
                .contains(
                        "model.layers.3.self_attn.dense.bias",
                        "model.layers.0.mlp.fc1.weight",
                        "model.final_layernorm.bias",
                        "lm_head.bias")
                .doesNotContain("model.layers.0.post_attention_layernorm.weight");
        ModelSpec tied =
                ModelDir.of(dir, "phi").with("tie_word_embeddings", "true").read();
        assertThat(tied.head().output().weight()).isEqualTo("model.embed_tokens.weight");
        assertThat(tied.head().output().bias()).hasValue("lm_head.bias");
        ModelDir gpt2 = ModelDir.of(dir, "gpt2")
                .with("n_layer", "2")
                .with("n_embd", "32")
                .with("n_head", "4");
        assertThat(names(gpt2.read()))
                .contains("transformer.wte.weight", "transformer.h.1.attn.c_attn.weight", "transformer.ln_f.bias")
                .doesNotContain("lm_head.weight");
        assertThat(names(gpt2.with("tie_word_embeddings", "false").read())).contains("lm_head.weight");
        assertThat(names(ModelDir.of(dir, "kraken").with("num_tracks", "2").read()))
                .contains("model.tracks.1.layers.3.mlp.gate_proj.weight", "model.join.weight")
                .doesNotContain("model.layers.0.mlp.gate_proj.weight", "lm_head.bias");
    }

    /** Query, key and value share a fused tensor, which counts once. */
    @Test
    void parametersOfASharedTensorCountOnce() {
        ModelSpec gpt2 = ModelDir.of(dir, "gpt2")
                .with("n_layer", "1")
                .with("n_embd", "32")
                .with("n_head", "4")
                .with("n_positions", "10")
                .read();
        long layer = 4 * 32 + (3 * 32 + 1 * 32 + 4 * 32 + 4 * 32) * 32 + (3 + 1 + 4 + 1) * 32;
        assertThat(gpt2.parameterCount()).isEqualTo((96 + 10) * 32 + layer + 2 * 32);
    }

    private static List<String> names(ModelSpec spec) {
        return spec.tensors().stream().map(TensorSpec::name).toList();
    }

    private static Attention attention(ModelSpec spec) {
        return (Attention) spec.layers().get(0).mixer();
    }

    private static Mlp mlp(ModelSpec spec) {
        return (Mlp) spec.layers().get(0).feedForward();
    }

    private static Rope rope(ModelSpec spec) {
        return attention(spec).rope().orElseThrow();
    }

    private static List<Integer> windows(ModelSpec spec) {
        return spec.layers().stream()
                .map(layer -> ((Attention) layer.mixer()).window())
                .toList();
    }
}
