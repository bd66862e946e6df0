package nighttrain.io.spec.families;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.nio.file.Path;
import java.util.List;
import nighttrain.io.ModelDir;
import nighttrain.io.spec.Attention;
import nighttrain.io.spec.GatedDeltaNet;
import nighttrain.io.spec.LayerSpec;
import nighttrain.io.spec.MixtureOfExperts;
import nighttrain.io.spec.MixtureOfExperts.Activation;
import nighttrain.io.spec.MixtureOfExperts.Router;
import nighttrain.io.spec.Mlp;
import nighttrain.io.spec.ModelSpec;
import nighttrain.io.spec.Parameter.Linear.Storage;
import nighttrain.io.spec.Parameter.Norm;
import nighttrain.io.spec.TensorSpec;
import nighttrain.io.spec.Wiring;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Reads Qwen 3.5 with experts. */
class Qwen35MoeTest {
    @TempDir
    Path dir;

    private ModelDir small() {
        return ModelDir.of(dir, "qwen3_5_moe_text")
                .with("head_dim", "16")
                .with("num_experts", "6")
                .with("num_experts_per_tok", "2")
                .with("moe_intermediate_size", "8")
                .with("shared_expert_intermediate_size", "12");
    }

    private static MixtureOfExperts mixture(LayerSpec layer) {
        return (MixtureOfExperts) layer.feedForward();
    }

    private static MixtureOfExperts mixture(ModelSpec spec) {
        return mixture(spec.layers().get(0));
    }

    private static List<String> experts(ModelSpec spec) {
        return spec.tensors().stream()
                .filter(tensor -> tensor.name().startsWith("model.layers.1.mlp."))
                .map(tensor -> tensor.name().substring(19) + " " + tensor.shape())
                .toList();
    }

    /** The config of Qwen3.5-35B-A3B, shortened. */
    @Test
    void theConfigOfAPublishedModel() {
        ModelSpec spec = ModelDir.json(dir, """
                {"architectures": ["Qwen3_5MoeForConditionalGeneration"], "image_token_id": 248056, "model_type": "qwen3_5_moe",
                 "text_config": {"attention_bias": false, "attn_output_gate": true, "full_attention_interval": 4, "head_dim": 256,
                   "hidden_act": "silu", "hidden_size": 2048,
                   "layer_types": ["linear_attention", "linear_attention", "linear_attention", "full_attention"],
                   "linear_conv_kernel_dim": 4, "linear_key_head_dim": 128, "linear_num_key_heads": 16,
                   "linear_num_value_heads": 32, "linear_value_head_dim": 128, "mamba_ssm_dtype": "float32",
                   "max_position_embeddings": 262144, "model_type": "qwen3_5_moe_text", "moe_intermediate_size": 512,
                   "mtp_num_hidden_layers": 1, "num_attention_heads": 16, "num_experts": 256, "num_experts_per_tok": 8,
                   "num_hidden_layers": 4, "num_key_value_heads": 2, "output_router_logits": false, "rms_norm_eps": 1e-06,
                   "rope_parameters": {"mrope_interleaved": true, "mrope_section": [11, 11, 10], "rope_type": "default",
                     "rope_theta": 10000000, "partial_rotary_factor": 0.25},
                   "router_aux_loss_coef": 0.001, "shared_expert_intermediate_size": 512, "vocab_size": 248320},
                 "tie_word_embeddings": false, "vision_config": {"depth": 27, "hidden_size": 1152}}""").read();
        assertThat(spec.layers().subList(0, 3)).allMatch(layer -> layer.mixer() instanceof GatedDeltaNet);
        assertThat(spec.layers().get(3).mixer()).isInstanceOf(Attention.class);
        assertThat(spec.layers().get(3).shape())
                .contains("16 heads (2 KV) of 256")
                .endsWith("8 of 256 experts 512 beside MLP 512");
        assertThat(spec.traits()).contains("gated delta net", "output gate", "mixture of experts");
        assertThat(spec.spellings())
                .extracting(spelling -> spelling.of("model.layers.0.mlp.experts.down_proj"))
                .contains("model.language_model.layers.0.mlp.experts.down_proj");
    }

    @Test
    void defaults() {
        ModelSpec spec = ModelDir.of(dir, "qwen3_5_moe_text")
                .without("num_key_value_heads")
                .without("intermediate_size")
                .read();
        assertThat(mixture(spec).shape()).isEqualTo("8 of 256 experts 512 beside MLP 512");
        assertThat(spec.layers().get(3).shape()).startsWith("4 heads (2 KV) of 256");
        assertThat(spec.layers().get(0).shape()).startsWith("gated delta net of 32 heads (16 QK) of 128");
        assertThat(spec.maxPositions()).isEqualTo(32_768);
    }

    /** {@code norm_topk_prob} has no effect, since transformers has no such key here. */
    @Test
    void everyLayerHasExpertsWhoseWeightsAreRenormalised() {
        ModelSpec spec = small().with("norm_topk_prob", "false").read();
        assertThat(spec.layers()).hasSize(4).allSatisfy(layer -> {
            MixtureOfExperts mixture = mixture(layer);
            assertThat(mixture.router())
                    .isEqualTo(Router.softmax(mixture.router().logits(), 2, true));
            assertThat(mixture.activation()).isEqualTo(new Activation.Plain(Mlp.Activation.SILU));
            assertThat(mixture.shared().orElseThrow().gate().orElseThrow().outputs())
                    .isEqualTo(1);
            assertThat(layer.feedForwardNorm())
                    .hasValueSatisfying(norm -> assertThat(norm).matches(Norm::onePlusWeight));
        });
    }

    /** Two tensors hold all experts, with gate's rows before up's. */
    @Test
    void expertsAsPublished() {
        ModelSpec spec = small().read();
        assertThat(experts(spec))
                .contains(
                        "gate.weight [6, 32]",
                        "experts.gate_up_proj[5/6] [16, 32]",
                        "experts.down_proj[5/6] [32, 8]",
                        "shared_expert.gate_proj.weight [12, 32]",
                        "shared_expert.up_proj.weight [12, 32]",
                        "shared_expert.down_proj.weight [32, 12]",
                        "shared_expert_gate.weight [1, 32]")
                .hasSize(1 + 6 * 2 + 4);
        assertThat(mixture(spec).experts().get(5).gate().orElseThrow().storage())
                .isEqualTo(new Storage(0, 16, false));
        assertThat(mixture(spec).experts().get(5).up().storage()).isEqualTo(new Storage(8, 16, false));
    }

    /**
     * Published checkpoints in 8 bits have separate tensors for each expert. A multimodal model's config has the quantization outside of {@code
     * text_config}.
     */
    @Test
    void expertsIn8BitsAreApart() throws Exception {
        ModelDir model = small().with(
                        "quantization_config",
                        "{\"quant_method\": \"fp8\", \"fmt\": \"e4m3\", \"weight_block_size\": [128, 128]}");
        String[] apart = {
            "experts.5.gate_proj.weight [8, 32]",
            "experts.5.up_proj.weight [8, 32]",
            "experts.5.down_proj.weight [32, 8]"
        };
        ModelSpec text = model.read();
        assertThat(experts(text)).contains(apart).hasSize(1 + 6 * 3 + 4);
        ObjectNode inner =
                (ObjectNode) new ObjectMapper().readTree(model.configFile().toFile());
        JsonNode quantization = inner.remove("quantization_config");
        ModelSpec multimodal = ModelDir.json(dir, "{\"model_type\": \"qwen3_5_moe\"}")
                .with("text_config", inner.toString())
                .with("quantization_config", quantization.toString())
                .read();
        assertThat(multimodal.tensors()).containsExactlyElementsOf(text.tensors());
        assertThat(multimodal.quantization()).isEqualTo(text.quantization()).isPresent();
    }

    @Test
    void activeParametersAreThoseOfChosenExperts() {
        ModelSpec spec = small().read();
        assertThat(spec.parameterCount() - spec.activeParameterCount()).isEqualTo(4 * (6 - 2) * 3 * 32 * 8);
        assertThat(spec.tensors().stream().mapToLong(TensorSpec::size).sum()).isEqualTo(spec.parameterCount());
    }

    @Test
    void ladders() {
        assertThat(small().with("ladder_layers", "2").read().wiring()).isEqualTo(Wiring.ladder(2));
    }

    @Test
    void moreExpertsATokenThanThereAre() {
        assertThatThrownBy(small().with("num_experts_per_tok", "7")::read)
                .hasMessage(
                        "bad num_experts_per_tok in %s: 7 (at most the number of experts, 6; correct it)",
                        dir.resolve("config.json"));
    }
}
