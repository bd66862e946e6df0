package nighttrain.io.spec.families;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.util.List;
import nighttrain.io.ModelDir;
import nighttrain.io.spec.Attention;
import nighttrain.io.spec.Mlp;
import nighttrain.io.spec.ModelSpec;
import nighttrain.io.spec.Parameter.Linear.Storage;
import nighttrain.io.spec.Rope;
import nighttrain.io.spec.Rope.Scaling;
import nighttrain.io.spec.TensorSpec;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class Phi3Test {
    @TempDir
    Path dir;

    private static Attention attention(ModelSpec spec) {
        return (Attention) spec.layers().get(0).mixer();
    }

    @Test
    void theConfigOfPhi4() {
        ModelSpec spec = ModelDir.json(dir, """
                {"architectures": ["Phi3ForCausalLM"], "attention_bias": false, "attention_dropout": 0.0, "bos_token_id": 100257,
                 "embd_pdrop": 0.0, "eos_token_id": 100265, "hidden_act": "silu", "hidden_size": 5120, "initializer_range": 0.02,
                 "intermediate_size": 17920, "max_position_embeddings": 16384, "model_type": "phi3", "num_attention_heads": 40,
                 "num_hidden_layers": 40, "num_key_value_heads": 10, "original_max_position_embeddings": 16384,
                 "resid_pdrop": 0.0, "rms_norm_eps": 1e-05, "rope_scaling": null, "rope_theta": 250000, "sliding_window": null,
                 "tie_word_embeddings": false, "use_cache": true, "vocab_size": 100352}""").read();
        assertThat(attention(spec).rope()).hasValue(new Rope(128, 250_000, new Scaling.None()));
        assertThat(attention(spec).window()).isZero();
        assertThat(spec.parameterCount()).isEqualTo(14_659_507_200L);
    }

    @Test
    void layersThatReadOneInputShareATensor() {
        ModelSpec spec = ModelDir.of(dir, "phi3").read();
        assertThat(spec.tensors().stream()
                        .filter(tensor -> tensor.name().startsWith("model.layers.1."))
                        .map(tensor -> tensor.name().substring("model.layers.1.".length()) + tensor.shape()))
                .containsExactlyInAnyOrder(
                        "input_layernorm.weight[32]",
                        "self_attn.qkv_proj.weight[64, 32]",
                        "self_attn.o_proj.weight[32, 32]",
                        "post_attention_layernorm.weight[32]",
                        "mlp.gate_up_proj.weight[96, 32]",
                        "mlp.down_proj.weight[32, 48]");
        Attention.Projections projections = attention(spec).projections();
        assertThat(projections.query().storage()).isEqualTo(new Storage(0, 64, false));
        assertThat(projections.key().storage()).isEqualTo(new Storage(32, 64, false));
        assertThat(projections.value().storage()).isEqualTo(new Storage(48, 64, false));
        assertThat(((Mlp) spec.layers().get(0).feedForward()).up().storage()).isEqualTo(new Storage(48, 96, false));
        assertThat(spec.parameterCount())
                .isEqualTo(spec.tensors().stream().mapToLong(TensorSpec::size).sum());
    }

    @Test
    void defaults() {
        ModelSpec spec = ModelDir.of(dir, "phi3").without("num_key_value_heads").read();
        assertThat(attention(spec).kvHeads()).isEqualTo(4);
        assertThat(attention(spec).rope()).hasValue(new Rope(8, 10_000, new Scaling.None()));
        assertThat(attention(spec).window()).isZero();
        assertThat(spec.finalNorm().epsilon()).isEqualTo(1e-5);
        assertThat(spec.maxPositions()).isEqualTo(4096);
        assertThat(spec.head().tiedTo()).isEmpty();
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            partial_rotary_factor | 0.75                                                | 6
            rope_scaling          | {"type": "default", "partial_rotary_factor": 0.5}   | 4
            rope_parameters       | {"rope_theta": 1e4, "partial_rotary_factor": 0.25}  | 2
            """)
    void aPartOfEachHeadTurns(String key, String value, int dims) {
        ModelSpec spec = ModelDir.of(dir, "phi3")
                .with(key, value)
                .with("sliding_window", "2047")
                .read();
        assertThat(attention(spec).rope()).hasValue(new Rope(dims, 10_000, new Scaling.None()));
        assertThat(attention(spec).window()).isEqualTo(2047);
    }

    /** Phi 3 with 128k tokens; its first files say su. */
    @ParameterizedTest
    @ValueSource(strings = {"longrope", "su"})
    void longContexts(String type) {
        ModelDir model = ModelDir.of(dir, "phi3")
                .with(
                        "rope_scaling",
                        "{\"type\": \"" + type
                                + "\", \"short_factor\": [1, 1, 1.5, 2], \"long_factor\": [1, 2, 4.5, 8]}")
                .with("max_position_embeddings", "131072")
                .with("original_max_position_embeddings", "4096");
        assertThat(attention(model.read()).rope())
                .hasValue(new Rope(
                        8,
                        10_000,
                        new Scaling.LongRope(
                                List.of(1.0, 1.0, 1.5, 2.0),
                                List.of(1.0, 2.0, 4.5, 8.0),
                                4096,
                                Math.sqrt(1 + Math.log(32) / Math.log(4096)))));
        model.without("original_max_position_embeddings");
        assertThatThrownBy(model::read)
                .hasMessageStartingWith(
                        "missing key in " + model.configFile() + ": original_max_position_embeddings (");
    }

    /** transformers takes the first for longrope. */
    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            {"type": "yarn", "factor": 4.0}                                   | unsupported rope_type in rope_scaling of %s: yarn (default and longrope are supported in a phi3 model; choose another model)
            {"type": "linear", "factor": 4.0}                                 | unsupported rope_type in rope_scaling of %s: linear (
            {"type": "longrope", "short_factor": [1.0], "long_factor": [2.0]} | bad short_factor in rope_scaling of %s: [1.0] (a list of 4 numbers above 0
            {"type": "longrope", "short_factor": [1, 1, 1, 1]}                | missing key in rope_scaling of %s: long_factor (
            """)
    void otherScalingsAreRefused(String scaling, String message) {
        ModelDir model =
                ModelDir.of(dir, "phi3").with("rope_scaling", scaling).with("original_max_position_embeddings", "4096");
        assertThatThrownBy(model::read).hasMessageStartingWith(message.formatted(model.configFile()));
    }
}
