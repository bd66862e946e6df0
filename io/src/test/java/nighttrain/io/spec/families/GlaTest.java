package nighttrain.io.spec.families;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import nighttrain.io.ModelDir;
import nighttrain.io.UserError;
import nighttrain.io.spec.GatedLinearAttention;
import nighttrain.io.spec.ModelSpec;
import nighttrain.io.spec.Parameter.Convolution;
import nighttrain.io.spec.TensorSpec;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class GlaTest {
    @TempDir
    Path dir;

    /** Returns the published model of 1.3 billion parameters. */
    private ModelDir published() {
        return ModelDir.json(dir, """
                {"architectures": ["GLAForCausalLM"], "attn": null, "attn_mode": "chunk", "bos_token_id": 1, "clamp_min": null,
                 "conv_size": 4, "elementwise_affine": true, "eos_token_id": 2, "expand_k": 0.5, "expand_v": 1, "feature_map": null,
                 "fuse_cross_entropy": true, "fuse_norm": true, "hidden_act": "swish", "hidden_ratio": 4, "hidden_size": 2048,
                 "initializer_range": 0.02, "intermediate_size": null, "max_position_embeddings": 2048, "model_type": "gla",
                 "norm_eps": 1e-06, "num_heads": 4, "num_hidden_layers": 24, "num_kv_heads": null, "tie_word_embeddings": false,
                 "use_cache": true, "use_gk": true, "use_gv": false, "use_output_gate": true, "use_short_conv": false,
                 "vocab_size": 32000}""");
    }

    private static GatedLinearAttention mixer(ModelSpec spec) {
        return (GatedLinearAttention) spec.layers().get(0).mixer();
    }

    @Test
    void theConfigOfAPublishedModel() {
        ModelSpec spec = published().read();
        GatedLinearAttention mixer = mixer(spec);
        assertThat(mixer.shape()).isEqualTo("gated linear attention of 4 heads of 256 x 512");
        assertThat(mixer.decay().divisor()).isEqualTo(16);
        assertThat(mixer.decay().least()).isEmpty();
        assertThat(mixer.convolutions()).isEmpty();
        assertThat(mixer.stateElements(1)).isEqualTo(4 * 256 * 512);
        assertThat(spec.kvElementsPerToken()).isZero();
        assertThat(spec.layers().get(0).feedForward().shape())
                .as("a third of 8 * 2048, in units of 256")
                .isEqualTo("MLP 5632");
        assertThat(spec.traits()).containsExactly("RMSNorm", "SwiGLU", "gated linear attention");
        assertThat(spec.parameterCount())
                .isEqualTo(24L
                                * (2 * 2048 * 1024
                                        + 3 * 2048 * 2048
                                        + 16 * (2048 + 1024)
                                        + 1024
                                        + 512
                                        + 3 * 2048 * 5632
                                        + 2 * 2048)
                        + 2 * 32_000L * 2048
                        + 2048);
        assertThat(spec.tensors())
                .extracting(TensorSpec::name)
                .contains(
                        "model.embeddings.weight",
                        "model.layers.23.attn_norm.weight",
                        "model.layers.23.attn.gk_proj.0.weight",
                        "model.layers.23.attn.gk_proj.1.bias",
                        "model.layers.23.attn.g_norm_swish_gate.weight",
                        "model.layers.23.mlp_norm.weight",
                        "model.norm.weight",
                        "lm_head.weight");
    }

    @Test
    void absentKeysAreTheLibrarysDefaults() {
        assertThat(ModelDir.json(dir, "{\"model_type\": \"gla\"}").read())
                .isEqualTo(published().read());
    }

    @Test
    void convolutionsAndBounds() {
        GatedLinearAttention mixer = mixer(published()
                .with("use_short_conv", "true")
                .with("fuse_norm", "false")
                .with("clamp_min", "-0.1")
                .with("expand_v", "2")
                .read());
        assertThat(mixer.convolutions())
                .containsExactly(
                        Convolution.of("model.layers.0.attn.q_conv1d", 1024, 4),
                        Convolution.of("model.layers.0.attn.k_conv1d", 1024, 4),
                        Convolution.of("model.layers.0.attn.v_conv1d", 4096, 4));
        assertThat(mixer.norm().weight()).isEqualTo("model.layers.0.attn.g_norm.weight");
        assertThat(mixer.decay().least()).isEqualTo(Optional.of(-0.1));
        assertThat(mixer.stateElements(1)).isEqualTo(4 * 256 * 1024 + 3 * (2 * 1024 + 4096));
    }

    @Test
    void whatIsNotSupported() {
        Map.of(
                        "attn", "{\"layers\": [1], \"num_heads\": 4}",
                        "feature_map", "\"relu\"",
                        "use_output_gate", "false",
                        "elementwise_affine", "false",
                        "num_kv_heads", "2",
                        "hidden_act", "\"gelu\"")
                .forEach((key, value) -> assertThatThrownBy(
                                () -> published().with(key, value).read())
                        .isInstanceOf(UserError.class)
                        .hasMessageStartingWith("unsupported " + key + " in ")
                        .hasMessageEndingWith("choose another model)"));
        assertThatThrownBy(() -> published().with("expand_k", "0.7").read())
                .hasMessageStartingWith("bad expand_k in ")
                .hasMessageEndingWith("0.7 (times hidden_size, 2048, must be a multiple of num_heads, 4; correct it)");
        assertThatThrownBy(() -> published().with("clamp_min", "0.5").read())
                .hasMessageStartingWith("bad clamp_min in ")
                .hasMessageEndingWith("0.5 (a number up to 0; correct it)");
    }
}
