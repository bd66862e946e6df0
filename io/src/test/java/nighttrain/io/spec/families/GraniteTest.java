package nighttrain.io.spec.families;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import nighttrain.io.ModelDir;
import nighttrain.io.spec.Attention;
import nighttrain.io.spec.LayerSpec;
import nighttrain.io.spec.LayerSpec.Residual;
import nighttrain.io.spec.ModelSpec;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class GraniteTest {
    @TempDir
    Path dir;

    @Test
    void theConfigOfThePublishedModel() {
        ModelSpec spec = ModelDir.json(dir, """
                {"architectures": ["GraniteForCausalLM"], "attention_bias": false, "attention_multiplier": 0.0078125,
                 "embedding_multiplier": 12.0, "hidden_act": "silu", "hidden_size": 4096, "intermediate_size": 12800,
                 "logits_scaling": 16.0, "max_position_embeddings": 131072, "mlp_bias": false, "model_type": "granite",
                 "num_attention_heads": 32, "num_hidden_layers": 2, "num_key_value_heads": 8, "residual_multiplier": 0.22,
                 "rms_norm_eps": 1e-05, "rope_scaling": null, "rope_theta": 10000000.0, "tie_word_embeddings": true,
                 "vocab_size": 49159}""").read();
        LayerSpec layer = spec.layers().get(1);
        assertThat(((Attention) layer.mixer()).scale()).isEqualTo(1.0 / 128);
        assertThat(layer.mixerResidual()).isEqualTo(Residual.times(0.22));
        assertThat(layer.feedForwardResidual()).isEqualTo(Residual.times(0.22));
        assertThat(spec.embedding().scale()).isEqualTo(12);
        assertThat(spec.head().divisor()).isEqualTo(16);
        assertThat(spec.head().tiedTo()).isPresent();
    }

    @Test
    void multipliersAreOneWhereNothingIsSaid() {
        ModelSpec spec = ModelDir.of(dir, "granite").read();
        assertThat(((Attention) spec.layers().get(0).mixer()).scale()).isEqualTo(1);
        assertThat(spec.layers().get(0).mixerResidual().isPlain()).isTrue();
        assertThat(spec.embedding().scale()).isEqualTo(1);
        assertThat(spec.head().divisor()).isEqualTo(1);
    }

    @Test
    void otherFamiliesHaveNoMultipliers() {
        assertThatThrownBy(ModelDir.of(dir, "llama").with("attention_multiplier", "0.2")::read)
                .hasMessageStartingWith("unsupported attention_multiplier in ");
    }
}
