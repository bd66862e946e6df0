package nighttrain.io.spec.families;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import nighttrain.io.ModelDir;
import nighttrain.io.UserError;
import org.assertj.core.api.AbstractThrowableAssert;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class BadConfigTest {
    private static final String KNOWN =
            "llama, mistral, qwen2, qwen2_moe, qwen3, qwen3_moe, qwen3_next, qwen3_5_text, qwen3_5, qwen3_5_moe_text, qwen3_5_moe, glm4_moe, mixtral, gpt_oss,"
                    + " phi, phi3, starcoder2, gemma3_text, gemma3, smollm3, ministral3, mistral3, seed_oss, olmo2, olmo3,"
                    + " exaone4, granite, granitemoe, granitemoehybrid, gla, gpt2, parallel_track, kraken, llamaLadder, desync_residual,"
                    + " laneformer, laneformer_tp";

    @TempDir
    Path dir;

    private static AbstractThrowableAssert<?, ?> assertRefused(ModelDir model) {
        return assertThatThrownBy(model::read).isInstanceOf(UserError.class);
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            num_hidden_layers    | 0        | an integer from 1 to 1073741824; correct it
            num_hidden_layers    | 1000000000 | an integer from 1 to 1024; correct it
            hidden_size          | -1       | an integer from 1 to 1073741824; correct it
            vocab_size           | 1.5      | an integer from 1 to 1073741824; correct it
            intermediate_size    | "a"      | an integer from 1 to 1073741824; correct it
            num_attention_heads  | [4]      | an integer from 1 to 1073741824; correct it
            vocab_size           | 99999999999 | an integer from 1 to 1073741824; correct it
            rms_norm_eps         | 0        | a number above 0; correct it
            rope_theta           | "x"      | a number above 0; correct it
            tie_word_embeddings  | "yes"    | true or false; correct it
            attention_bias       | 1        | true or false; correct it
            hidden_act           | 3        | a string; correct it
            rope_scaling         | 2        | a JSON object; correct it
            ladder_layers        | 0.5      | an integer from 1 to 1073741824; correct it
            ladder_layers        | [1,3]    | the last layers up to 3, each once: ladders with dense layers behind them are not supported; correct it
            ladder_layers        | [0,1,2]  | the last layers up to 3, each once: ladders with dense layers behind them are not supported; correct it
            ladder_layers        | 5        | at most num_hidden_layers, 4; correct it
            parallel_block       | 1        | true or false; correct it
            """)
    void badValue(String key, String json, String hint) {
        ModelDir model = ModelDir.of(dir, "llama").with(key, json);
        assertRefused(model).hasMessage("bad %s in %s: %s (%s)".formatted(key, model.configFile(), json, hint));
    }

    @Test
    void valueThatNothingHereCanDo() {
        ModelDir model = ModelDir.of(dir, "llama").with("hidden_act", "\"gelu\"");
        assertRefused(model)
                .hasMessage(
                        "unsupported hidden_act in %s: \"gelu\" (only silu is supported; choose another model)",
                        model.configFile());
    }

    @ParameterizedTest
    @CsvSource({"num_hidden_layers", "hidden_size", "num_attention_heads", "intermediate_size", "vocab_size"})
    void missingSize(String key) {
        ModelDir model = ModelDir.of(dir, "llama").without(key);
        assertRefused(model)
                .hasMessage("missing key in %s: %s (an integer from 1 to 1073741824; add it)", model.configFile(), key);
    }

    @Test
    void modelTypeMissingOrUnknown() {
        ModelDir model = ModelDir.of(dir, "gpt_neox");
        assertRefused(model)
                .hasMessage(
                        "unknown model_type in %s: gpt_neox (known are " + KNOWN + ";" + " choose such a model)",
                        model.configFile());
        assertRefused(model.without("model_type"))
                .hasMessage("missing key in %s: model_type (one of " + KNOWN + "; add it)", model.configFile());
    }

    @Test
    void headsThatDoNotDivide() {
        ModelDir model = ModelDir.of(dir, "llama").with("num_key_value_heads", "3");
        assertRefused(model)
                .hasMessage(
                        "bad num_key_value_heads in %s: 3 (must divide num_attention_heads, 4; correct it)",
                        model.configFile());
        assertRefused(ModelDir.of(dir, "llama").with("num_attention_heads", "6").with("num_key_value_heads", "6"))
                .hasMessage(
                        "bad num_attention_heads in %s: 6 (must divide hidden_size, 32; correct it or give head_dim)",
                        model.configFile());
        assertRefused(ModelDir.of(dir, "llama").with("head_dim", "7"))
                .hasMessage(
                        "bad head_dim in %s: 7 (must be even, for rotary positions; correct it)", model.configFile());
    }

    @Test
    void ropeThatIsNotSupported() {
        ModelDir model = ModelDir.of(dir, "llama").with("rope_scaling", "{\"rope_type\": \"dynamic\", \"factor\": 4}");
        assertRefused(model)
                .hasMessage(
                        "unsupported rope_type in rope_scaling of %s: dynamic (default, linear, llama3, yarn and longrope are supported;"
                                + " choose another model)",
                        model.configFile());
        assertRefused(ModelDir.of(dir, "llama").with("rope_parameters", "{\"rope_type\": \"linear\"}"))
                .hasMessage(
                        "missing key in rope_parameters of %s: factor (a number above 0; add it)", model.configFile());
        assertRefused(ModelDir.of(dir, "llama")
                        .with(
                                "rope_scaling",
                                "{\"rope_type\":\"llama3\",\"factor\":8,\"low_freq_factor\":4,\"high_freq_factor\":1}"))
                .hasMessage(
                        "bad high_freq_factor in rope_scaling of %s: 1 (above low_freq_factor, 4.0; correct it)",
                        model.configFile());
        assertRefused(ModelDir.of(dir, "qwen3").with("rope_parameters", "{\"full_attention\": {\"rope_theta\": 1}}"))
                .hasMessage(
                        "unsupported rope_parameters of %s: one set per layer type (one for all layers; choose another"
                                + " model)",
                        model.configFile());
    }

    @Test
    void layerTypesThatDoNotFit() {
        ModelDir model = ModelDir.of(dir, "qwen2").with("layer_types", "[\"full_attention\"]");
        assertRefused(model)
                .hasMessage("bad layer_types in %s: 1 entries (one per layer, 4; correct it)", model.configFile());
        String chunked = "[\"chunked_attention\",\"full_attention\",\"full_attention\",\"full_attention\"]";
        assertRefused(ModelDir.of(dir, "qwen2").with("layer_types", chunked))
                .hasMessage(
                        "unsupported layer_types in %s: chunked_attention (full_attention and sliding_attention are"
                                + " supported; choose another model)",
                        model.configFile());
        assertRefused(ModelDir.of(dir, "qwen2").with("layer_types", chunked.replace("chunked", "sliding")))
                .hasMessage(
                        "bad layer_types in %s: sliding_attention (needs use_sliding_window and sliding_window; set"
                                + " both or name the layer full_attention)",
                        model.configFile());
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            qwen3_moe      | mlp_only_layers  | [3, 4]
            qwen3_moe      | mlp_only_layers  | [-1]
            qwen3_next     | mlp_only_layers  | [48]
            parallel_track | mlp_only_layers  | [4]
            laneformer     | swa_layers       | [0, 4]
            laneformer     | unclamped_layers | [4]
            """)
    void layersThatTheModelDoesNotHave(String family, String key, String value) {
        ModelDir model = ModelDir.of(dir, family)
                .with("num_tracks", "2")
                .with("track_block_depth", "2")
                .with("num_lanes", "2")
                .with("num_experts", "16")
                .with("moe_intermediate_size", "16");
        assertRefused(model.with(key, value))
                .hasMessage(
                        "bad %s in %s: %s (numbers of layers, from 0 to 3; correct it)",
                        key, model.configFile(), value.replace(" ", ""));
    }

    @Test
    void tracksThatDoNotFit() {
        ModelDir model = ModelDir.of(dir, "parallel_track").with("num_tracks", "2");
        assertRefused(model)
                .hasMessage(
                        "missing key in %s: track_block_depth (an integer from 1 to 1073741824; add it)",
                        model.configFile());
        assertRefused(model.with("track_block_depth", "3"))
                .hasMessage(
                        "bad track_block_depth in %s: 3 (must divide num_hidden_layers, 4, so that the tracks meet"
                                + " after the last layer; correct it)",
                        model.configFile());
        assertRefused(model.with("track_block_depth", "2").with("track_combine", "\"max\""))
                .hasMessage("bad track_combine in %s: \"max\" (mean or sum; correct it)", model.configFile());
    }

    /** Keys that would change the forward pass and are not obeyed are refused; the same keys pass with a value that changes nothing. */
    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            llama          | embedding_multiplier    | 12.0      | 1.0
            llama          | num_local_experts       | 8         | 0
            llama          | final_logit_softcapping | 30.0      | null
            llama          | use_qk_norm             | true      | false
            llama          | no_rope_layers          | [1,1,1,0] | null
            llama          | transformers_weights    | "other.safetensors" | "model.safetensors"
            llama          | per_layer_config        | {"1":{"sliding_window":8}} | {}
            qwen3          | num_experts             | 128       | 0
            phi            | ladder_layers           | 2         | 0
            parallel_track | partial_rotary_factor   | 0.5       | 1.0
            gpt2           | parallel_block          | true      | false
            gpt2           | ladder_layers           | 2         | 0
            gpt2           | sliding_window          | 128       | null
            """)
    void whatIsNotObeyedIsRefused(String family, String key, String value, String neutral) {
        ModelDir model = ModelDir.of(dir, family)
                .with("num_tracks", "2")
                .with("track_block_depth", "2")
                .with("n_layer", "2")
                .with("n_embd", "32")
                .with("n_head", "4");
        if (!family.equals("parallel_track")) {
            model.without("num_tracks").without("track_block_depth");
        }
        model.with(key, neutral).read();
        assertRefused(model.with(key, value))
                .hasMessageContaining(key + " in " + model.configFile() + ": " + value + " (");
    }

    @Test
    void aRefusedKeyNamesTheWayOut() {
        ModelDir model = ModelDir.of(dir, "llama").with("residual_multiplier", "0.22");
        assertRefused(model)
                .hasMessage(
                        "unsupported residual_multiplier in %s: 0.22 (a llama model here has no such thing, and it would"
                                + " change every answer; choose another model, or drop the key if its weights were trained"
                                + " without it)",
                        model.configFile());
        ModelDir sliding = ModelDir.of(dir, "llama")
                .with(
                        "layer_types",
                        "[\"full_attention\",\"full_attention\",\"full_attention\",\"sliding_attention\"]");
        assertRefused(sliding)
                .hasMessage(
                        "unsupported layer_types in %s: sliding_attention (every layer of a llama model here is"
                                + " full_attention; choose another model)",
                        sliding.configFile());
    }

    @Test
    void partsOfHeadsThatAreNone() {
        assertRefused(ModelDir.of(dir, "phi").with("partial_rotary_factor", "1.5"))
                .hasMessageContaining("(above 0, at most 1; correct it)");
        assertRefused(ModelDir.of(dir, "phi").with("rope_parameters", "{\"partial_rotary_factor\": 0.4}"))
                .hasMessageStartingWith("bad partial_rotary_factor in ")
                .hasMessageContaining(": 0.4 (must leave an even number of dimensions of head_dim, 8; correct it)");
        assertRefused(ModelDir.of(dir, "phi").with("parallel_block", "false"))
                .hasMessageContaining("(phi is made of parallel blocks; drop the key)");
    }
}
