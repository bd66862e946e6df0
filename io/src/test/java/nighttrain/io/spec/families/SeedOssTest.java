package nighttrain.io.spec.families;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import nighttrain.io.ModelDir;
import nighttrain.io.spec.Attention;
import nighttrain.io.spec.Attention.Projections;
import nighttrain.io.spec.Mlp;
import nighttrain.io.spec.ModelSpec;
import nighttrain.io.spec.Rope;
import nighttrain.io.spec.Rope.Scaling;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SeedOssTest {
    @TempDir
    Path dir;

    private static Attention attention(ModelSpec spec) {
        return (Attention) spec.layers().get(0).mixer();
    }

    @Test
    void theConfigOfThePublishedModel() {
        ModelSpec spec = ModelDir.json(dir, """
                {"architectures": ["SeedOssForCausalLM"], "attention_bias": true, "attention_dropout": 0.1,
                 "attention_out_bias": false, "bos_token_id": 0, "eos_token_id": 2, "head_dim": 128, "hidden_act": "silu",
                 "hidden_size": 5120, "initializer_range": 0.02, "intermediate_size": 27648, "max_position_embeddings": 524288,
                 "mlp_bias": false, "model_type": "seed_oss", "num_attention_heads": 80, "num_hidden_layers": 64,
                 "num_key_value_heads": 8, "pad_token_id": 1, "residual_dropout": 0.1, "rms_norm_eps": 1e-06,
                 "rope_scaling": {"rope_type": "default"}, "rope_theta": 10000000.0, "tie_word_embeddings": false,
                 "use_cache": true, "vocab_size": 155136}""").read();
        assertThat(spec.parameterCount()).isEqualTo(36_151_104_512L);
        assertThat(attention(spec).rope()).hasValue(new Rope(128, 10_000_000, new Scaling.None()));
    }

    @Test
    void defaults() {
        ModelDir model =
                ModelDir.of(dir, "seed_oss").with("num_attention_heads", "8").without("num_key_value_heads");
        ModelSpec spec = model.read();
        assertThat(attention(spec).kvHeads()).isEqualTo(8);
        assertThat(attention(spec).headDim()).isEqualTo(128);
        assertThat(attention(spec).rope()).hasValue(new Rope(128, 10_000, new Scaling.None()));
        assertThat(spec.finalNorm().epsilon()).isEqualTo(1e-6);
        assertThat(spec.maxPositions()).isEqualTo(524_288);
        assertThat(spec.head().tiedTo()).isEmpty();
        assertThat(attention(model.with("head_dim", "null").read()).headDim()).isEqualTo(4);
    }

    @Test
    void biases() {
        Projections absent = attention(ModelDir.of(dir, "seed_oss").read()).projections();
        assertThat(absent.value().bias()).hasValue("model.layers.0.self_attn.v_proj.bias");
        assertThat(absent.output().bias()).isEmpty();
        ModelSpec spec = ModelDir.of(dir, "seed_oss")
                .with("attention_bias", "false")
                .with("attention_out_bias", "true")
                .with("mlp_bias", "true")
                .read();
        assertThat(attention(spec).projections().value().bias()).isEmpty();
        assertThat(attention(spec).projections().output().bias()).hasValue("model.layers.0.self_attn.o_proj.bias");
        assertThat(((Mlp) spec.layers().get(0).feedForward()).down().bias())
                .hasValue("model.layers.0.mlp.down_proj.bias");
    }
}
