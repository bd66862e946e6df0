package nighttrain.io.spec.families;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import nighttrain.io.ModelDir;
import nighttrain.io.spec.Attention;
import nighttrain.io.spec.LayerSpec;
import nighttrain.io.spec.ModelSpec;
import nighttrain.io.spec.Parameter.Norm;
import nighttrain.io.spec.Rope;
import nighttrain.io.spec.Rope.Scaling;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class Olmo2Test {
    @TempDir
    Path dir;

    private static Attention attention(ModelSpec spec, int layer) {
        return (Attention) spec.layers().get(layer).mixer();
    }

    @Test
    void theConfigOfThePublishedModel() {
        ModelSpec spec = ModelDir.json(dir, """
                {"architectures": ["Olmo2ForCausalLM"], "attention_bias": false, "attention_dropout": 0.0, "eos_token_id": 100257,
                 "hidden_act": "silu", "hidden_size": 4096, "initializer_range": 0.02, "intermediate_size": 11008,
                 "max_position_embeddings": 4096, "model_type": "olmo2", "num_attention_heads": 32, "num_hidden_layers": 32,
                 "num_key_value_heads": 32, "pad_token_id": 100277, "rms_norm_eps": 1e-06, "rope_scaling": null,
                 "rope_theta": 500000, "tie_word_embeddings": false, "use_cache": true, "vocab_size": 100352}""").read();
        assertThat(spec.parameterCount()).isEqualTo(7_298_617_344L);
        assertThat(spec.finalNorm()).isEqualTo(Norm.rms("model.norm", 4096, 1e-6));
        for (int layer : new int[] {0, 31}) {
            assertThat(attention(spec, layer).rope()).hasValue(new Rope(128, 500_000, new Scaling.None()));
            assertThat(attention(spec, layer).window()).isZero();
            assertThat(attention(spec, layer).normsAllHeads()).isTrue();
        }
    }

    @Test
    void normsStandBehindModules() {
        LayerSpec layer = ModelDir.of(dir, "olmo2").read().layers().get(1);
        assertThat(layer.mixerNorm()).isEmpty();
        assertThat(layer.feedForwardNorm()).isEmpty();
        assertThat(layer.mixerResidual().norm())
                .hasValue(Norm.rms("model.layers.1.post_attention_layernorm", 32, 1e-5));
        assertThat(layer.feedForwardResidual().norm())
                .hasValue(Norm.rms("model.layers.1.post_feedforward_layernorm", 32, 1e-5));
    }

    @Test
    void defaults() {
        ModelSpec spec =
                ModelDir.of(dir, "olmo2").without("num_key_value_heads").read();
        assertThat(attention(spec, 0).kvHeads()).isEqualTo(4);
        assertThat(attention(spec, 3).rope()).hasValue(new Rope(8, 10_000, new Scaling.None()));
        assertThat(attention(spec, 0).projections().output().bias()).isEmpty();
        assertThat(spec.maxPositions()).isEqualTo(2048);
        assertThat(spec.head().tiedTo()).isEmpty();
        ModelSpec biased =
                ModelDir.of(dir, "olmo2").with("attention_bias", "true").read();
        assertThat(attention(biased, 0).projections().output().bias()).hasValue("model.layers.0.self_attn.o_proj.bias");
    }
}
