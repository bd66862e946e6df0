package nighttrain.io.spec.families;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.util.List;
import nighttrain.io.ModelDir;
import nighttrain.io.spec.Attention;
import nighttrain.io.spec.MixtureOfExperts;
import nighttrain.io.spec.MixtureOfExperts.Router;
import nighttrain.io.spec.MixtureOfExperts.Shared;
import nighttrain.io.spec.Mlp;
import nighttrain.io.spec.ModelSpec;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class Qwen2MoeTest {
    @TempDir
    Path dir;

    private ModelDir small() {
        return ModelDir.of(dir, "qwen2_moe").with("num_experts", "6").with("num_experts_per_tok", "2");
    }

    private static Attention attention(ModelSpec spec) {
        return (Attention) spec.layers().get(0).mixer();
    }

    private static List<Integer> windows(ModelSpec spec) {
        return spec.layers().stream()
                .map(layer -> ((Attention) layer.mixer()).window())
                .toList();
    }

    @Test
    void theConfigOfThePublishedModel() {
        ModelSpec spec = ModelDir.json(dir, """
                {"architectures": ["Qwen2MoeForCausalLM"], "attention_dropout": 0.0, "bos_token_id": 151643,
                 "decoder_sparse_step": 1, "eos_token_id": 151643, "hidden_act": "silu", "hidden_size": 2048,
                 "initializer_range": 0.02, "intermediate_size": 5632, "max_position_embeddings": 8192, "max_window_layers": 21,
                 "model_type": "qwen2_moe", "moe_intermediate_size": 1408, "norm_topk_prob": false, "num_attention_heads": 16,
                 "num_experts": 60, "num_experts_per_tok": 4, "num_hidden_layers": 24, "num_key_value_heads": 16,
                 "output_router_logits": false, "rms_norm_eps": 1e-06, "rope_theta": 1000000.0, "router_aux_loss_coef": 0.001,
                 "shared_expert_intermediate_size": 5632, "sliding_window": 32768, "tie_word_embeddings": false,
                 "use_cache": true, "use_sliding_window": false, "vocab_size": 151936}""").read();
        assertThat(spec.parameterCount()).isEqualTo(14_315_784_192L);
        assertThat(spec.activeParameterCount()).isEqualTo(2_689_173_504L);
        assertThat(windows(spec)).containsOnly(0);
        assertThat(spec.layers().get(23).shape())
                .isEqualTo("16 heads (16 KV) of 128, 4 of 60 experts 1408 beside MLP 5632");
    }

    @Test
    void defaults() {
        ModelSpec spec = ModelDir.of(dir, "qwen2_moe")
                .with("num_attention_heads", "16")
                .without("num_key_value_heads")
                .read();
        MixtureOfExperts mixture = (MixtureOfExperts) spec.layers().get(0).feedForward();
        assertThat(mixture.experts()).hasSize(60);
        assertThat(mixture.width()).isEqualTo(1408);
        assertThat(mixture.router()).isEqualTo(Router.softmax(mixture.router().logits(), 4, false));
        Shared shared = mixture.shared().orElseThrow();
        assertThat(shared.mlp().width()).isEqualTo(5632);
        assertThat(shared.gate().orElseThrow().weight()).isEqualTo("model.layers.0.mlp.shared_expert_gate.weight");
        assertThat(attention(spec).kvHeads()).isEqualTo(16);
        assertThat(attention(spec).projections().key().bias()).hasValue("model.layers.0.self_attn.k_proj.bias");
        assertThat(attention(spec).projections().output().bias()).isEmpty();
        assertThat(spec.finalNorm().epsilon()).isEqualTo(1e-6);
        assertThat(spec.maxPositions()).isEqualTo(32_768);
    }

    @Test
    void someLayersHaveAnMlp() {
        ModelSpec spec = small().with("decoder_sparse_step", "2")
                .with("mlp_only_layers", "[3]")
                .with("norm_topk_prob", "true")
                .with("qkv_bias", "false")
                .read();
        assertThat(spec.layers().stream().map(layer -> layer.feedForward() instanceof Mlp))
                .containsExactly(true, false, true, true);
        assertThat(((Mlp) spec.layers().get(0).feedForward()).width()).isEqualTo(48);
        assertThat(((MixtureOfExperts) spec.layers().get(1).feedForward())
                        .router()
                        .renormalized())
                .isTrue();
        assertThat(attention(spec).projections().key().bias()).isEmpty();
    }

    @Test
    void everySecondOfTheFirstLayersSlides() {
        ModelDir model = small().with("num_hidden_layers", "6").with("use_sliding_window", "true");
        assertThat(windows(model.read())).containsExactly(4096, 0, 4096, 0, 4096, 0);
        assertThat(windows(model.with("sliding_window", "8")
                        .with("max_window_layers", "3")
                        .read()))
                .containsExactly(8, 0, 8, 0, 0, 0);
        assertThat(windows(model.with("max_window_layers", "0").read())).containsOnly(0);
        model.with("num_hidden_layers", "2").with("layer_types", "[\"full_attention\", \"sliding_attention\"]");
        assertThat(windows(model.read())).containsExactly(0, 8);
        assertThatThrownBy(model.with("use_sliding_window", "false")::read)
                .hasMessageStartingWith("bad layer_types in ")
                .hasMessageContaining("needs use_sliding_window and sliding_window; set both");
    }
}
