package nighttrain.io.spec.families;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import nighttrain.io.ModelDir;
import nighttrain.io.spec.Attention;
import nighttrain.io.spec.Mlp;
import nighttrain.io.spec.ModelSpec;
import nighttrain.io.spec.Parameter.Norm;
import nighttrain.io.spec.Rope;
import nighttrain.io.spec.Rope.Scaling;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class Starcoder2Test {
    @TempDir
    Path dir;

    private static Attention attention(ModelSpec spec) {
        return (Attention) spec.layers().get(0).mixer();
    }

    private static Mlp mlp(ModelSpec spec) {
        return (Mlp) spec.layers().get(0).feedForward();
    }

    @Test
    void theConfigOfThePublishedModel() {
        ModelSpec spec = ModelDir.json(dir, """
                {"architectures": ["Starcoder2ForCausalLM"], "attention_dropout": 0.1, "bos_token_id": 0,
                 "embedding_dropout": 0.1, "eos_token_id": 0, "hidden_act": "gelu_pytorch_tanh", "hidden_size": 4608,
                 "initializer_range": 0.018042, "intermediate_size": 18432, "layer_norm_epsilon": 1e-05,
                 "max_position_embeddings": 16384, "mlp_type": "default", "model_type": "starcoder2", "norm_epsilon": 1e-05,
                 "norm_type": "layer_norm", "num_attention_heads": 36, "num_hidden_layers": 32, "num_key_value_heads": 4,
                 "residual_dropout": 0.1, "rope_theta": 1000000, "sliding_window": 4096, "use_bias": true, "use_cache": true,
                 "vocab_size": 49152}""").read();
        assertThat(spec.parameterCount()).isEqualTo(7_173_923_840L);
        assertThat(spec.head().tiedTo()).as("transformers' default").isPresent();
        assertThat(attention(spec).window()).isEqualTo(4096);
        assertThat(attention(spec).rope()).hasValue(new Rope(128, 1_000_000, new Scaling.None()));
        assertThat(mlp(spec).activation()).isEqualTo(Mlp.Activation.GELU_TANH);
        assertThat(mlp(spec).gate()).isEmpty();
    }

    @Test
    void defaults() {
        ModelSpec spec =
                ModelDir.of(dir, "starcoder2").without("num_key_value_heads").read();
        assertThat(attention(spec).kvHeads()).isEqualTo(2);
        assertThat(attention(spec).window()).isZero();
        assertThat(attention(spec).rope()).hasValue(new Rope(8, 10_000, new Scaling.None()));
        assertThat(spec.finalNorm()).isEqualTo(Norm.layer("model.norm", 32, 1e-5, true));
        assertThat(spec.maxPositions()).isEqualTo(4096);
    }

    @Test
    void biasesOfAllLinearLayers() {
        ModelDir model = ModelDir.of(dir, "starcoder2");
        assertThat(attention(model.read()).projections().output().bias())
                .hasValue("model.layers.0.self_attn.o_proj.bias");
        assertThat(mlp(model.read()).up().bias()).hasValue("model.layers.0.mlp.c_fc.bias");
        ModelSpec spec = model.with("use_bias", "false")
                .with("tie_word_embeddings", "false")
                .read();
        assertThat(attention(spec).projections().query().bias()).isEmpty();
        assertThat(mlp(spec).down().bias()).isEmpty();
        assertThat(spec.finalNorm().bias()).as("those of norms stay").isPresent();
        assertThat(spec.head().tiedTo()).isEmpty();
    }
}
