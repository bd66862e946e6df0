package nighttrain.io.spec.families;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.util.List;
import java.util.stream.Collectors;
import nighttrain.io.ModelDir;
import nighttrain.io.spec.Attention;
import nighttrain.io.spec.GatedDeltaNet;
import nighttrain.io.spec.ModelSpec;
import nighttrain.io.spec.Parameter.Linear;
import nighttrain.io.spec.Parameter.Norm;
import nighttrain.io.spec.Rope;
import nighttrain.io.spec.Rope.Scaling;
import nighttrain.io.spec.TensorSpec;
import nighttrain.io.spec.Wiring;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class Qwen35Test {
    @TempDir
    Path dir;

    private ModelDir small() {
        return ModelDir.of(dir, "qwen3_5_text").with("head_dim", "16");
    }

    private static String mixers(ModelSpec spec) {
        return spec.layers().stream()
                .map(layer -> layer.mixer() instanceof Attention ? "A" : "d")
                .collect(Collectors.joining());
    }

    private static Attention attention(ModelSpec spec) {
        return (Attention) spec.layers().get(3).mixer();
    }

    private static GatedDeltaNet deltaNet(ModelSpec spec) {
        return (GatedDeltaNet) spec.layers().get(0).mixer();
    }

    @Test
    void theConfigOfAPublishedModel() {
        ModelSpec spec = ModelDir.json(dir, """
                {"architectures": ["Qwen3_5ForConditionalGeneration"], "image_token_id": 248056, "model_type": "qwen3_5",
                 "text_config": {"attention_bias": false, "attn_output_gate": true, "full_attention_interval": 4, "head_dim": 256,
                   "hidden_act": "silu", "hidden_size": 4096, "intermediate_size": 12288,
                   "layer_types": ["linear_attention", "linear_attention", "linear_attention", "full_attention"],
                   "linear_conv_kernel_dim": 4, "linear_key_head_dim": 128, "linear_num_key_heads": 16,
                   "linear_num_value_heads": 32, "linear_value_head_dim": 128, "mamba_ssm_dtype": "float32",
                   "max_position_embeddings": 262144, "model_type": "qwen3_5_text", "mtp_num_hidden_layers": 1,
                   "num_attention_heads": 16, "num_hidden_layers": 4, "num_key_value_heads": 4, "rms_norm_eps": 1e-06,
                   "rope_parameters": {"mrope_interleaved": true, "mrope_section": [11, 11, 10], "rope_type": "default",
                     "rope_theta": 10000000, "partial_rotary_factor": 0.25},
                   "tie_word_embeddings": false, "vocab_size": 248320},
                 "tie_word_embeddings": false, "vision_config": {"depth": 27, "hidden_size": 1152}}""").read();
        assertThat(mixers(spec)).isEqualTo("dddA");
        Attention attention = attention(spec);
        assertThat(attention.rope()).hasValue(new Rope(64, 10_000_000, new Scaling.None()));
        assertThat(attention.scale()).isEqualTo(1.0 / 16);
        assertThat(attention.shape()).isEqualTo("16 heads (4 KV) of 256");
        GatedDeltaNet net = deltaNet(spec);
        assertThat(net.shape()).isEqualTo("gated delta net of 32 heads (16 QK) of 128");
        assertThat(net.stateElements(1)).isEqualTo(32 * 128 * 128 + 3 * 8192);
        assertThat(spec.stateElementsPerSequence()).isEqualTo(3 * net.stateElements(1));
        assertThat(spec.kvElementsPerToken()).as("of one layer").isEqualTo(2 * 4 * 256);
        assertThat(spec.traits())
                .containsExactly("RMSNorm", "SwiGLU", "gated delta net", "RoPE", "QK-norm", "output gate");
        assertThat(spec.spellings())
                .extracting(spelling -> spelling.of("model.layers.0.linear_attn.A_log"))
                .contains("model.language_model.layers.0.linear_attn.A_log");
    }

    @Test
    void defaults() {
        ModelSpec spec = small().with("num_hidden_layers", "9").read();
        assertThat(mixers(spec)).isEqualTo("dddAdddAd");
        assertThat(attention(spec).rope()).hasValue(new Rope(4, 10_000, new Scaling.None()));
        assertThat(attention(small().with("partial_rotary_factor", "null").read())
                        .rope()
                        .orElseThrow()
                        .dims())
                .as("null is not absence to transformers")
                .isEqualTo(16);
        assertThat(deltaNet(spec).shape()).isEqualTo("gated delta net of 32 heads (16 QK) of 128");
        assertThat(deltaNet(spec).convolution().width()).isEqualTo(4);
        assertThat(spec.maxPositions()).isEqualTo(32_768);
        assertThat(spec.head().tiedTo()).isEmpty();
        assertThat(mixers(small().with("full_attention_interval", "2").read())).isEqualTo("dAdA");
    }

    @Test
    void normsMultiplyByOnePlusTheirWeightButForThoseOfDeltaNets() {
        ModelSpec spec = small().read();
        assertThat(deltaNet(spec).norm().onePlusWeight()).isFalse();
        List<Norm> others = List.of(
                spec.finalNorm(),
                spec.layers().get(0).mixerNorm().orElseThrow(),
                spec.layers().get(3).feedForwardNorm().orElseThrow(),
                attention(spec).headNorms().orElseThrow().query(),
                attention(spec).headNorms().orElseThrow().key());
        assertThat(others).allMatch(Norm::onePlusWeight);
    }

    /** The tensor holds for each head its query, then its gate. */
    @Test
    void queriesAndGatesShareATensor() {
        Attention attention = attention(small().read());
        assertThat(attention.projections().query().tensors())
                .isEqualTo(attention.projections().gate().orElseThrow().tensors())
                .extracting(TensorSpec::shape)
                .containsExactly(List.of(128L, 32L));
        assertThat(attention.projections().query().storage().firstOutput()).isZero();
        assertThat(attention.projections().gate().orElseThrow().storage().firstOutput())
                .isEqualTo(16);
        assertThat(attention.projections().gate().orElseThrow().storage().order())
                .isEqualTo(new Linear.Order.Runs(16, 32));
    }

    @Test
    void tensorsOfADeltaNet() {
        ModelSpec spec = small().with("linear_num_key_heads", "2")
                .with("linear_num_value_heads", "4")
                .with("linear_key_head_dim", "8")
                .with("linear_value_head_dim", "6")
                .read();
        assertThat(spec.tensors().stream()
                        .filter(tensor -> tensor.name().startsWith("model.layers.0.linear_attn."))
                        .map(tensor -> tensor.name().substring(27) + " " + tensor.shape()))
                .containsExactlyInAnyOrder(
                        "in_proj_qkv.weight [56, 32]",
                        "in_proj_z.weight [24, 32]",
                        "in_proj_b.weight [4, 32]",
                        "in_proj_a.weight [4, 32]",
                        "conv1d.weight [56, 1, 4]",
                        "A_log [4]",
                        "dt_bias [4]",
                        "norm.weight [6]",
                        "out_proj.weight [32, 24]");
        assertThat(deltaNet(spec).inputs().value().storage().firstOutput()).isEqualTo(32);
    }

    @Test
    void ladders() {
        assertThat(small().with("ladder_layers", "2").read().wiring()).isEqualTo(Wiring.ladder(2));
    }

    @Test
    void whatIsRefused() {
        Path file = dir.resolve("config.json");
        assertThatThrownBy(small().with("linear_num_key_heads", "5")::read)
                .hasMessage(
                        "bad linear_num_key_heads in %s: 5 (must divide linear_num_value_heads, 32; correct it)", file);
        assertThatThrownBy(small().with("layer_types", "[\"full_attention\"]")::read)
                .hasMessage("bad layer_types in %s: 1 entries (one per layer, 4; correct it)", file);
        assertThatThrownBy(
                        small().with(
                                                "layer_types",
                                                "[\"full_attention\", \"sliding_attention\", \"full_attention\", \"full_attention\"]")
                                ::read)
                .hasMessage(
                        "unsupported layer_types in %s: sliding_attention (full_attention and linear_attention are"
                                + " supported; choose another model)",
                        file);
        assertThatThrownBy(small().with("attn_output_gate", "false")::read)
                .hasMessage(
                        "unsupported attn_output_gate in %s: false (only true is supported; choose another model)",
                        file);
        assertThatThrownBy(small().with("num_experts", "8")::read)
                .hasMessageContaining("a qwen3_5_text model here has no such thing");
    }
}
