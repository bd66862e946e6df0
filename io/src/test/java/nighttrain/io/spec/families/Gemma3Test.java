package nighttrain.io.spec.families;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import nighttrain.io.ModelDir;
import nighttrain.io.UserError;
import nighttrain.io.spec.Attention;
import nighttrain.io.spec.LayerSpec;
import nighttrain.io.spec.Mlp;
import nighttrain.io.spec.ModelSpec;
import nighttrain.io.spec.ModelSpec.Spelling;
import nighttrain.io.spec.Parameter.Norm;
import nighttrain.io.spec.Rope;
import nighttrain.io.spec.Rope.Scaling;
import nighttrain.io.spec.TensorSpec;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class Gemma3Test {
    private static final Rope LOCAL = new Rope(256, 10_000, new Scaling.None());

    @TempDir
    Path dir;

    private ModelDir small() {
        return ModelDir.of(dir, "gemma3_text").with("head_dim", "8");
    }

    private static Attention attention(ModelSpec spec, int layer) {
        return (Attention) spec.layers().get(layer).mixer();
    }

    private static List<Integer> windows(ModelSpec spec) {
        return IntStream.range(0, spec.layers().size())
                .map(i -> attention(spec, i).window())
                .boxed()
                .toList();
    }

    /** The config of the 4B model, which leaves most to its class's defaults. */
    @Test
    void theConfigOfAMultimodalModel() {
        ModelSpec spec = ModelDir.json(dir, """
                {"architectures": ["Gemma3ForConditionalGeneration"], "boi_token_index": 255999, "eos_token_id": [1, 106],
                 "mm_tokens_per_image": 256, "model_type": "gemma3",
                 "text_config": {"hidden_size": 2560, "intermediate_size": 10240, "model_type": "gemma3_text",
                                 "num_hidden_layers": 34, "rope_scaling": {"factor": 8.0, "rope_type": "linear"},
                                 "sliding_window": 1024},
                 "torch_dtype": "bfloat16", "vision_config": {"hidden_size": 1152, "model_type": "siglip_vision_model"}}""").read();
        assertThat(spec.vocabSize()).isEqualTo(262_208);
        assertThat(spec.maxPositions()).isEqualTo(131_072);
        assertThat(spec.layers()).hasSize(34);
        Attention local = attention(spec, 4);
        Attention global = attention(spec, 5);
        assertThat(local.shape()).isEqualTo("8 heads (4 KV) of 256");
        assertThat(local.window()).isEqualTo(1024);
        assertThat(local.rope()).hasValue(LOCAL);
        assertThat(global.window()).isZero();
        assertThat(global.rope()).hasValue(new Rope(256, 1_000_000, new Scaling.Linear(8)));
        assertThat(global.scale()).isEqualTo(1.0 / 16);
        assertThat(spec.embedding().scale()).isCloseTo(50.596_442_562, within(1e-9));
        assertThat(spec.head().tiedTo()).isPresent();
        assertThat(spec.head().softCap()).isZero();
        assertThat(spec.spellings())
                .containsExactly(new Spelling("", "language_model."), new Spelling("model.", "model.language_model."));
    }

    @Test
    void theConfigOfATextModel() {
        ModelSpec spec = ModelDir.json(dir, """
                {"_sliding_window_pattern": 6, "architectures": ["Gemma3ForCausalLM"], "attention_bias": false,
                 "attn_logit_softcapping": null, "final_logit_softcapping": null, "head_dim": 256,
                 "hidden_activation": "gelu_pytorch_tanh", "hidden_size": 640, "intermediate_size": 2048,
                 "layer_types": ["sliding_attention", "sliding_attention", "full_attention"],
                 "max_position_embeddings": 32768, "model_type": "gemma3_text", "num_attention_heads": 4,
                 "num_hidden_layers": 3, "num_key_value_heads": 1, "query_pre_attn_scalar": 168, "rms_norm_eps": 1e-06,
                 "rope_local_base_freq": 10000.0, "rope_scaling": null, "rope_theta": 1000000.0, "sliding_window": 512,
                 "use_bidirectional_attention": false, "vocab_size": 262144}""").read();
        assertThat(windows(spec)).containsExactly(512, 512, 0);
        assertThat(attention(spec, 0).shape()).isEqualTo("4 heads (1 KV) of 256");
        assertThat(attention(spec, 0).scale()).isEqualTo(1 / Math.sqrt(168));
        assertThat(attention(spec, 2).rope()).hasValue(new Rope(256, 1_000_000, new Scaling.None()));
        assertThat(spec.spellings()).isEmpty();
    }

    @Test
    void ropeSinceTransformers5() {
        ModelSpec spec = small().with("layer_types", types("full_attention", "sliding_attention"))
                .with("num_hidden_layers", "2")
                .with("rope_parameters", """
                        {"full_attention": {"rope_type": "linear", "factor": 4.0, "rope_theta": 5000.0},
                         "sliding_attention": {"rope_type": "default", "rope_theta": 77.0}}""")
                .read();
        assertThat(attention(spec, 0).rope()).hasValue(new Rope(8, 5000, new Scaling.Linear(4)));
        assertThat(attention(spec, 1).rope()).hasValue(new Rope(8, 77, new Scaling.None()));
    }

    @Test
    void anOriginalLengthOutsideIsIgnored() {
        ModelSpec spec = small().with("sliding_window_pattern", "1")
                .with("original_max_position_embeddings", "32")
                .with("rope_scaling", """
                        {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
                         "original_max_position_embeddings": 128}""")
                .read();
        assertThat(attention(spec, 0).rope()).hasValue(new Rope(8, 1_000_000, new Scaling.Llama3(8, 1, 4, 128)));
    }

    @Test
    void everySixthLayerSeesAllUnlessTold() {
        assertThat(windows(small().with("num_hidden_layers", "7").read()))
                .containsExactly(4096, 4096, 4096, 4096, 4096, 0, 4096);
        assertThat(windows(small().with("sliding_window_pattern", "2")
                        .with("sliding_window", "8")
                        .read()))
                .containsExactly(8, 0, 8, 0);
    }

    /** A layer has GeGLU, four norms and two norms of heads; each norm multiplies by one plus its weight. */
    @Test
    void whatALayerIsMadeOf() {
        ModelSpec spec = small().with("final_logit_softcapping", "30.0").read();
        LayerSpec layer = spec.layers().get(0);
        Mlp mlp = (Mlp) layer.feedForward();
        assertThat(mlp.activation()).isEqualTo(Mlp.Activation.GELU_TANH);
        assertThat(mlp.gate()).isPresent();
        Set<String> norms = spec.parameters().stream()
                .filter(Norm.class::isInstance)
                .map(Norm.class::cast)
                .peek(norm -> assertThat(norm.onePlusWeight()).isTrue())
                .map(Norm::weight)
                .filter(name -> !name.startsWith("model.layers.") || name.startsWith("model.layers.3."))
                .collect(Collectors.toSet());
        assertThat(norms)
                .containsExactlyInAnyOrder(
                        "model.norm.weight",
                        "model.layers.3.input_layernorm.weight",
                        "model.layers.3.post_attention_layernorm.weight",
                        "model.layers.3.pre_feedforward_layernorm.weight",
                        "model.layers.3.post_feedforward_layernorm.weight",
                        "model.layers.3.self_attn.q_norm.weight",
                        "model.layers.3.self_attn.k_norm.weight");
        assertThat(spec.tensors()).extracting(TensorSpec::name).doesNotContain("lm_head.weight");
        assertThat(spec.head().softCap()).isEqualTo(30);
    }

    @ParameterizedTest
    @CsvSource({
        "attn_logit_softcapping, 50.0",
        "use_bidirectional_attention, true",
        "parallel_block, true",
        "ladder_layers, 2",
        "num_experts, 8"
    })
    void whatItDoesNotHaveIsRefused(String key, String value) {
        ModelDir model = small().with(key, value);
        assertThatThrownBy(model::read)
                .isInstanceOf(UserError.class)
                .hasMessage(
                        "unsupported %s in %s: %s (a gemma3_text model here has no such thing, and it would change every answer;"
                                + " choose another model, or drop the key if its weights were trained without it)",
                        key, model.configFile(), value);
    }

    @Test
    void badValues() {
        assertThatThrownBy(small().with("hidden_activation", "\"gelu\"")::read)
                .hasMessageStartingWith("unsupported hidden_activation in ")
                .hasMessageContaining("\"gelu\" (only gelu_new is supported");
        assertThatThrownBy(small().with("rope_parameters", "{\"rope_theta\": 5.0}")::read)
                .hasMessageStartingWith("bad rope_parameters in ")
                .hasMessageContaining("(an object for full_attention and one for sliding_attention; correct it)");
        assertThatThrownBy(small().with("rope_scaling", "{\"type\": \"linear\", \"factor\": 8.0}")::read)
                .hasMessage(
                        "missing key in rope_scaling of %s: rope_type (default, linear, llama3 or yarn; add it)",
                        dir.resolve("config.json"));
        assertThatThrownBy(small().with("sliding_window", "null")
                        .with(
                                "layer_types",
                                types("sliding_attention", "full_attention", "full_attention", "full_attention"))::read)
                .hasMessageContaining(
                        "sliding_attention (needs sliding_window; set it or name the layer full_attention)");
        assertThatThrownBy(ModelDir.json(dir, "{\"model_type\": \"gemma3\"}")::read)
                .hasMessage(
                        "missing key in %s: text_config (the language model's config; copy config.json again)",
                        dir.resolve("config.json"));
        assertThatThrownBy(
                        ModelDir.json(dir, "{\"model_type\": \"gemma3\", \"text_config\": {\"hidden_size\": 32}}")
                                ::read)
                .hasMessage(
                        "missing key in text_config of %s: num_hidden_layers (an integer from 1 to 1073741824; add it)",
                        dir.resolve("config.json"));
    }

    private static String types(String... types) {
        return "[\"" + String.join("\", \"", types) + "\"]";
    }
}
