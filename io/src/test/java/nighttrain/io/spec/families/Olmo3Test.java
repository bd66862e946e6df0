package nighttrain.io.spec.families;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

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

class Olmo3Test {
    @TempDir
    Path dir;

    private static Attention attention(ModelSpec spec, int layer) {
        return (Attention) spec.layers().get(layer).mixer();
    }

    @Test
    void theConfigOfThePublishedModel() {
        ModelSpec spec = ModelDir.json(dir, """
                {"architectures": ["Olmo3ForCausalLM"], "attention_bias": false, "hidden_act": "silu", "hidden_size": 4096,
                 "intermediate_size": 11008, "layer_types": ["sliding_attention", "sliding_attention", "sliding_attention",
                 "full_attention"], "max_position_embeddings": 65536, "model_type": "olmo3", "num_attention_heads": 32,
                 "num_hidden_layers": 4, "num_key_value_heads": 32, "rms_norm_eps": 1e-06,
                 "rope_scaling": {"attention_factor": 1.2079441541679836, "beta_fast": 32, "beta_slow": 1, "factor": 8.0,
                 "original_max_position_embeddings": 8192, "rope_type": "yarn"}, "rope_theta": 500000, "sliding_window": 4096,
                 "tie_word_embeddings": false, "vocab_size": 100278}""").read();
        assertThat(attention(spec, 0).window()).isEqualTo(4096);
        assertThat(attention(spec, 0).rope()).hasValue(new Rope(128, 500_000, new Scaling.None()));
        assertThat(attention(spec, 3).window()).isZero();
        Rope full = attention(spec, 3).rope().orElseThrow();
        assertThat(full.theta()).isEqualTo(500_000);
        assertThat(full.scaling()).isInstanceOfSatisfying(Scaling.Yarn.class, yarn -> {
            assertThat(yarn.originalMaxPositions()).isEqualTo(8192);
            assertThat(yarn.attentionFactor()).isCloseTo(0.1 * Math.log(8) + 1, within(1e-12));
        });
        assertThat(attention(spec, 0).normsAllHeads()).isTrue();
    }

    @Test
    void normsStandBehindModulesAndOverAllHeads() {
        ModelSpec spec = ModelDir.of(dir, "olmo3").read();
        LayerSpec layer = spec.layers().get(2);
        assertThat(layer.mixerNorm()).isEmpty();
        assertThat(layer.feedForwardNorm()).isEmpty();
        assertThat(layer.mixerResidual().norm())
                .hasValue(Norm.rms("model.layers.2.post_attention_layernorm", 32, 1e-5));
        assertThat(layer.feedForwardResidual().norm())
                .hasValue(Norm.rms("model.layers.2.post_feedforward_layernorm", 32, 1e-5));
        Attention.HeadNorms norms = attention(spec, 2).headNorms().orElseThrow();
        assertThat(norms.query().size()).isEqualTo(32);
        assertThat(norms.key().size()).isEqualTo(16);
        assertThat(attention(spec, 2).window()).as("transformers' default").isEqualTo(4096);
        assertThat(attention(spec, 3).window()).isZero();
    }

    @Test
    void aThetaForAllLayersIsAmbiguous() {
        ModelDir model = ModelDir.of(dir, "olmo3").with("rope_theta", "10000.0");
        assertThatThrownBy(model::read)
                .hasMessage(
                        "unsupported rope_theta in %s: 10000.0 (transformers 4 uses it in all layers, 5 in those without a"
                                + " window only; give rope_parameters with a rope_theta for each layer type)",
                        model.configFile());
        ModelSpec said = model.with("rope_parameters", """
                        {"full_attention": {"rope_theta": 5000.0}, "sliding_attention": {"rope_theta": 77.0}}""").read();
        assertThat(attention(said, 0).rope()).hasValue(new Rope(8, 77, new Scaling.None()));
        assertThat(attention(said, 3).rope()).hasValue(new Rope(8, 5000, new Scaling.None()));
    }

    @Test
    void normsOfSingleHeadsAreNotOverAll() {
        assertThat(attention(ModelDir.of(dir, "qwen3").with("head_dim", "8").read(), 0)
                        .normsAllHeads())
                .isFalse();
        assertThat(attention(ModelDir.of(dir, "llama").read(), 0).normsAllHeads())
                .isFalse();
    }
}
