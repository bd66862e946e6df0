package nighttrain.io.spec.families;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import nighttrain.io.ModelDir;
import nighttrain.io.spec.Attention;
import nighttrain.io.spec.LayerSpec;
import nighttrain.io.spec.ModelSpec;
import nighttrain.io.spec.Parameter.Norm;
import nighttrain.io.spec.Rope;
import nighttrain.io.spec.Rope.Scaling;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class Exaone4Test {
    @TempDir
    Path dir;

    private static Stream<Attention> attentions(ModelSpec spec) {
        return spec.layers().stream().map(layer -> (Attention) layer.mixer());
    }

    private static List<Integer> windows(ModelSpec spec) {
        return attentions(spec).map(Attention::window).toList();
    }

    @Test
    void theConfigOfThePublishedModel() {
        ModelSpec spec = ModelDir.json(dir, """
                {"architectures": ["Exaone4ForCausalLM"], "attention_dropout": 0.0, "bos_token_id": 1, "eos_token_id": 361,
                 "head_dim": 128, "hidden_act": "silu", "hidden_size": 5120, "initializer_range": 0.02,
                 "intermediate_size": 27392, "layer_types": ["sliding_attention", "sliding_attention", "sliding_attention",
                 "full_attention"], "max_position_embeddings": 131072, "model_type": "exaone4", "num_attention_heads": 40,
                 "num_hidden_layers": 4, "num_key_value_heads": 8, "pad_token_id": 0, "rms_norm_eps": 1e-05,
                 "rope_scaling": {"factor": 16.0, "high_freq_factor": 4.0, "low_freq_factor": 1.0,
                 "original_max_position_embeddings": 8192, "rope_type": "llama3"}, "rope_theta": 1000000,
                 "sliding_window": 4096, "sliding_window_pattern": "LLLG", "tie_word_embeddings": false, "use_cache": true,
                 "vocab_size": 102400}""").read();
        long embeddings = 2L * 102_400 * 5120;
        assertThat(spec.parameterCount() - embeddings - 5120)
                .as("4 of 64 layers of a model of 32,003,216,384 parameters")
                .isEqualTo((32_003_216_384L - embeddings - 5120) / 16);
        assertThat(windows(spec)).containsExactly(4096, 4096, 4096, 0);
        Rope rope = new Rope(128, 1_000_000, new Scaling.Llama3(16, 1, 4, 8192));
        assertThat(attentions(spec).limit(3))
                .allSatisfy(it -> assertThat(it.rope()).hasValue(rope));
        assertThat(attentions(spec).skip(3))
                .allSatisfy(it -> assertThat(it.rope()).isEmpty());
    }

    @Test
    void normsStandBehindModulesAndOnEveryHead() {
        LayerSpec layer = ModelDir.of(dir, "exaone4").read().layers().get(2);
        assertThat(layer.mixerNorm()).isEmpty();
        assertThat(layer.mixerResidual().norm())
                .hasValue(Norm.rms("model.layers.2.post_attention_layernorm", 32, 1e-5));
        assertThat(layer.feedForwardNorm()).isEmpty();
        assertThat(layer.feedForwardResidual().norm())
                .hasValue(Norm.rms("model.layers.2.post_feedforward_layernorm", 32, 1e-5));
        Attention attention = (Attention) layer.mixer();
        assertThat(attention.headNorms().orElseThrow().query())
                .isEqualTo(Norm.rms("model.layers.2.self_attn.q_norm", 8, 1e-5));
        assertThat(attention.normsAllHeads()).isFalse();
        assertThat(attention.projections().query().bias()).isEmpty();
    }

    @Test
    void defaults() {
        ModelSpec spec = ModelDir.of(dir, "exaone4").read();
        assertThat(windows(spec)).containsExactly(4096, 4096, 4096, 0);
        assertThat(attentions(spec).findFirst().orElseThrow().rope()).hasValue(new Rope(8, 10_000, new Scaling.None()));
        assertThat(spec.maxPositions()).isEqualTo(2048);
        assertThat(spec.head().tiedTo()).isEmpty();
    }

    @Test
    void everyLayerTurnsIfNoneSlides() {
        ModelDir model =
                ModelDir.of(dir, "exaone4").with("sliding_window", "null").with("sliding_window_pattern", "null");
        assertThat(windows(model.read())).containsOnly(0);
        assertThat(attentions(model.read())).allMatch(it -> it.rope().isPresent());
        ModelDir full = model.with("num_hidden_layers", "2")
                .with("layer_types", "[\"full_attention\", \"full_attention\"]")
                .with("sliding_window", "8");
        assertThat(attentions(full.read()))
                .as("as transformers does it")
                .allMatch(it -> it.rope().isEmpty());
    }

    @Test
    void patterns() {
        ModelDir model = ModelDir.of(dir, "exaone4").with("sliding_window", "8").with("sliding_window_pattern", "2");
        assertThat(windows(model.read())).containsExactly(8, 0, 8, 0);
        assertThatThrownBy(model.with("sliding_window_pattern", "\"LG\"")::read)
                .hasMessageStartingWith("bad sliding_window_pattern in ")
                .hasMessageContaining(": \"LG\" (an integer from 1 to ");
    }
}
