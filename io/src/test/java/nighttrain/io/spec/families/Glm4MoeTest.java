package nighttrain.io.spec.families;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import nighttrain.io.ModelDir;
import nighttrain.io.spec.Attention;
import nighttrain.io.spec.MixtureOfExperts;
import nighttrain.io.spec.MixtureOfExperts.Router;
import nighttrain.io.spec.MixtureOfExperts.Shared;
import nighttrain.io.spec.Mlp;
import nighttrain.io.spec.ModelSpec;
import nighttrain.io.spec.Rope;
import nighttrain.io.spec.Rope.Scaling;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class Glm4MoeTest {
    @TempDir
    Path dir;

    private ModelDir small() {
        return ModelDir.of(dir, "glm4_moe").with("n_routed_experts", "12").with("num_experts_per_tok", "3");
    }

    private static Attention attention(ModelSpec spec) {
        return (Attention) spec.layers().get(1).mixer();
    }

    private static MixtureOfExperts mixture(ModelSpec spec) {
        return (MixtureOfExperts) spec.layers().get(1).feedForward();
    }

    @Test
    void theConfigOfAir() {
        ModelSpec spec = ModelDir.json(dir, """
                {"architectures": ["Glm4MoeForCausalLM"], "attention_bias": true, "attention_dropout": 0.0, "pad_token_id": 151329,
                 "eos_token_id": [151329, 151336, 151338], "head_dim": 128, "hidden_act": "silu", "hidden_size": 4096,
                 "partial_rotary_factor": 0.5, "initializer_range": 0.02, "intermediate_size": 10944,
                 "max_position_embeddings": 131072, "model_type": "glm4_moe", "moe_intermediate_size": 1408,
                 "norm_topk_prob": true, "num_attention_heads": 96, "n_group": 1, "topk_group": 1, "n_routed_experts": 128,
                 "n_shared_experts": 1, "routed_scaling_factor": 1.0, "num_experts_per_tok": 8, "first_k_dense_replace": 1,
                 "num_hidden_layers": 46, "num_key_value_heads": 8, "num_nextn_predict_layers": 1, "rms_norm_eps": 1e-05,
                 "rope_scaling": null, "rope_theta": 1000000, "tie_word_embeddings": false, "use_cache": true,
                 "use_qk_norm": false, "vocab_size": 151552}""").read();
        assertThat(spec.parameterCount()).isEqualTo(106_852_251_264L);
        assertThat(attention(spec).rope()).hasValue(new Rope(64, 1_000_000, new Scaling.None()));
        assertThat(attention(spec).headNorms()).isEmpty();
        assertThat(attention(spec).projections().query().bias()).hasValue("model.layers.1.self_attn.q_proj.bias");
        assertThat(attention(spec).projections().output().bias()).isEmpty();
        assertThat(mixture(spec).router().groups()).isEmpty();
        assertThat(spec.layers())
                .filteredOn(layer -> layer.feedForward() instanceof Mlp)
                .hasSize(1);
        assertThat(spec.layers().get(45).shape())
                .isEqualTo("96 heads (8 KV) of 128, 8 of 128 experts 1408 beside MLP 1408");
    }

    @Test
    void defaults() {
        ModelSpec spec = ModelDir.of(dir, "glm4_moe")
                .with("num_attention_heads", "8")
                .without("num_key_value_heads")
                .read();
        assertThat(attention(spec).kvHeads()).isEqualTo(8);
        assertThat(attention(spec).rope()).hasValue(new Rope(2, 10_000, new Scaling.None()));
        assertThat(attention(spec).projections().query().bias()).isEmpty();
        assertThat(attention(spec).headNorms()).isEmpty();
        assertThat(spec.layers().get(0).feedForward()).isInstanceOf(Mlp.class);
        assertThat(spec.finalNorm().epsilon()).isEqualTo(1e-5);
        assertThat(spec.maxPositions()).isEqualTo(131_072);
        MixtureOfExperts mixture = mixture(spec);
        assertThat(mixture.experts()).hasSize(128);
        assertThat(mixture.width()).isEqualTo(1408);
        assertThat(mixture.router().chosen()).isEqualTo(8);
        assertThat(mixture.router().score()).isEqualTo(Router.Score.SIGMOID);
        assertThat(mixture.router().correction().orElseThrow().name())
                .isEqualTo("model.layers.1.mlp.gate.e_score_correction_bias");
        assertThat(mixture.router().renormalized()).isTrue();
        assertThat(mixture.router().scaling()).isEqualTo(1);
        Shared shared = mixture.shared().orElseThrow();
        assertThat(shared.mlp().width()).isEqualTo(1408);
        assertThat(shared.gate()).isEmpty();
    }

    @Test
    void everythingElse() {
        ModelSpec spec = small().with("first_k_dense_replace", "0")
                .with("n_group", "4")
                .with("topk_group", "2")
                .with("n_shared_experts", "2")
                .with("moe_intermediate_size", "16")
                .with("norm_topk_prob", "false")
                .with("routed_scaling_factor", "2.5")
                .with("use_qk_norm", "true")
                .with("partial_rotary_factor", "0.25")
                .read();
        assertThat(spec.layers()).allMatch(layer -> layer.feedForward() instanceof MixtureOfExperts);
        Router router = mixture(spec).router();
        assertThat(router.groups()).hasValue(new Router.Groups(4, 2));
        assertThat(router.renormalized()).isFalse();
        assertThat(router.scaling()).isEqualTo(2.5);
        Shared shared = mixture(spec).shared().orElseThrow();
        assertThat(shared.mlp().width()).isEqualTo(32);
        assertThat(shared.mlp().down().weight()).isEqualTo("model.layers.1.mlp.shared_experts.down_proj.weight");
        assertThat(attention(spec).headNorms().orElseThrow().key().weight())
                .isEqualTo("model.layers.1.self_attn.k_norm.weight");
        assertThat(attention(spec).rope().orElseThrow().dims()).isEqualTo(2);
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            n_group    | 5  | 5 | must divide the number of experts, 12, into groups of at least 2
            n_group    | 12 | 1 | must divide the number of experts, 12, into groups of at least 2
            topk_group | 4  | 5 | at most n_group, 4, and large enough for num_experts_per_tok, 3
            topk_group | 6  | 1 | at most n_group, 6, and large enough for num_experts_per_tok, 3
            """)
    void groupsThatCannotBe(String bad, String groups, String kept, String limit) {
        ModelDir model = small().with("n_group", groups).with("topk_group", kept);
        assertThatThrownBy(model::read)
                .hasMessage(
                        "bad %s in %s: %s (%s; correct it)",
                        bad, model.configFile(), bad.equals("n_group") ? groups : kept, limit);
    }
}
