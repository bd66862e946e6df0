package nighttrain.io.spec.families;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import nighttrain.io.ModelDir;
import nighttrain.io.spec.Attention;
import nighttrain.io.spec.Attention.QueryScale;
import nighttrain.io.spec.ModelSpec;
import nighttrain.io.spec.Rope;
import nighttrain.io.spec.Rope.Scaling;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class Ministral3Test {
    private static final Scaling YARN = new Scaling.Yarn(16, 32, 1, 16_384, true, 1);

    @TempDir
    Path dir;

    private static Attention attention(ModelSpec spec) {
        return (Attention) spec.layers().get(0).mixer();
    }

    @Test
    void theConfigOfThePublishedModel() {
        ModelSpec spec = ModelDir.json(dir, """
                {"architectures": ["Mistral3ForConditionalGeneration"], "image_token_index": 10, "model_type": "mistral3",
                 "multimodal_projector_bias": false, "spatial_merge_size": 2,
                 "text_config": {"attention_dropout": 0.0, "head_dim": 128, "hidden_act": "silu", "hidden_size": 3072,
                    "intermediate_size": 9216, "max_position_embeddings": 262144, "model_type": "ministral3",
                    "num_attention_heads": 32, "num_hidden_layers": 2, "num_key_value_heads": 8, "rms_norm_eps": 1e-05,
                    "rope_parameters": {"beta_fast": 32.0, "beta_slow": 1.0, "factor": 16.0, "llama_4_scaling_beta": 0.1,
                        "mscale": 1.0, "mscale_all_dim": 1.0, "original_max_position_embeddings": 16384,
                        "rope_theta": 1000000.0, "rope_type": "yarn", "type": "yarn"},
                    "sliding_window": null, "tie_word_embeddings": true, "vocab_size": 131072},
                 "vision_config": {"model_type": "pixtral"}, "vision_feature_layer": -1}""").read();
        assertThat(attention(spec).rope()).hasValue(new Rope(128, 1_000_000, YARN));
        assertThat(attention(spec).queryScale()).hasValue(new QueryScale(0.1, 16_384));
        assertThat(attention(spec).window()).isZero();
        assertThat(spec.head().tiedTo()).isPresent();
        assertThat(spec.spellings()).isNotEmpty();
    }

    @Test
    void queriesGrowByContextsBehindThem() {
        QueryScale scale = new QueryScale(0.1, 32);
        assertThat(scale.at(31)).isEqualTo(1);
        assertThat(scale.at(32)).isEqualTo(1 + 0.1 * StrictMath.log(2));
        assertThat(scale.at(96)).isEqualTo(1 + 0.1 * StrictMath.log(4));
    }

    @Test
    void defaults() {
        ModelSpec spec = ModelDir.of(dir, "ministral3").read();
        assertThat(attention(spec).rope()).hasValue(new Rope(128, 1_000_000, YARN));
        assertThat(attention(spec).queryScale()).hasValue(new QueryScale(0.1, 16_384));
        assertThat(attention(spec).window()).isZero();
        assertThat(spec.head().tiedTo()).isEmpty();
        ModelSpec empty =
                ModelDir.of(dir, "ministral3").with("rope_scaling", "{}").read();
        assertThat(attention(empty).rope()).hasValue(new Rope(128, 1_000_000, YARN));
        assertThat(attention(empty).queryScale()).hasValue(new QueryScale(0.1, 16_384));
        ModelSpec plain = ModelDir.of(dir, "ministral3")
                .with("rope_parameters", "{\"rope_theta\": 100.0, \"llama_4_scaling_beta\": 0.0}")
                .with("sliding_window", "8")
                .read();
        assertThat(attention(plain).queryScale()).isEmpty();
        assertThat(attention(plain).window()).isEqualTo(8);
    }

    @Test
    void aScaleThatItsFamilyDoesNotHaveIsRefused() {
        for (String key : new String[] {"rope_parameters", "rope_scaling"}) {
            assertThatThrownBy(ModelDir.of(dir, "mistral").with(key, "{\"llama_4_scaling_beta\": 0.1}")::read)
                    .hasMessageStartingWith("unsupported llama_4_scaling_beta in ")
                    .hasMessageContaining(": 0.1 (a mistral model here has no such thing");
        }
    }
}
