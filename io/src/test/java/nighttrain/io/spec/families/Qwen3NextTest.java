package nighttrain.io.spec.families;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.util.List;
import nighttrain.io.ModelDir;
import nighttrain.io.spec.Attention;
import nighttrain.io.spec.GatedDeltaNet;
import nighttrain.io.spec.MixtureOfExperts;
import nighttrain.io.spec.MixtureOfExperts.Router;
import nighttrain.io.spec.Mlp;
import nighttrain.io.spec.ModelSpec;
import nighttrain.io.spec.Parameter.Linear;
import nighttrain.io.spec.Parameter.Linear.Order;
import nighttrain.io.spec.Parameter.Linear.Storage;
import nighttrain.io.spec.Parameter.Norm;
import nighttrain.io.spec.Rope;
import nighttrain.io.spec.Rope.Scaling;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class Qwen3NextTest {
    @TempDir
    Path dir;

    private ModelDir small() {
        return ModelDir.of(dir, "qwen3_next")
                .with("head_dim", "16")
                .with("linear_num_key_heads", "2")
                .with("linear_num_value_heads", "4")
                .with("linear_key_head_dim", "8")
                .with("linear_value_head_dim", "6")
                .with("num_experts", "6")
                .with("num_experts_per_tok", "2")
                .with("moe_intermediate_size", "8")
                .with("shared_expert_intermediate_size", "12");
    }

    private static GatedDeltaNet deltaNet(ModelSpec spec) {
        return (GatedDeltaNet) spec.layers().get(0).mixer();
    }

    private static MixtureOfExperts mixture(ModelSpec spec) {
        return (MixtureOfExperts) spec.layers().get(0).feedForward();
    }

    private static List<String> tensors(ModelSpec spec, String at) {
        return spec.tensors().stream()
                .filter(tensor -> tensor.name().startsWith(at))
                .map(tensor -> tensor.name().substring(at.length()) + " " + tensor.shape())
                .toList();
    }

    /** The config of Qwen3-Next-80B-A3B, shortened. */
    @Test
    void theConfigOfAPublishedModel() {
        ModelSpec spec = ModelDir.json(dir, """
                {"architectures": ["Qwen3NextForCausalLM"], "attention_bias": false, "attention_dropout": 0.0,
                 "decoder_sparse_step": 1, "full_attention_interval": 4, "head_dim": 256, "hidden_act": "silu",
                 "hidden_size": 2048, "intermediate_size": 5120, "linear_conv_kernel_dim": 4, "linear_key_head_dim": 128,
                 "linear_num_key_heads": 16, "linear_num_value_heads": 32, "linear_value_head_dim": 128,
                 "max_position_embeddings": 262144, "mlp_only_layers": [], "model_type": "qwen3_next",
                 "moe_intermediate_size": 512, "norm_topk_prob": true, "num_attention_heads": 16, "num_experts": 512,
                 "num_experts_per_tok": 10, "num_hidden_layers": 4, "num_key_value_heads": 2,
                 "output_router_logits": false, "partial_rotary_factor": 0.25, "rms_norm_eps": 1e-06, "rope_scaling": null,
                 "rope_theta": 10000000, "router_aux_loss_coef": 0.001, "shared_expert_intermediate_size": 512,
                 "tie_word_embeddings": false, "use_sliding_window": false, "vocab_size": 151936}""").read();
        assertThat(deltaNet(spec).shape()).isEqualTo("gated delta net of 32 heads (16 QK) of 128");
        Attention attention = (Attention) spec.layers().get(3).mixer();
        assertThat(attention.shape()).isEqualTo("16 heads (2 KV) of 256");
        assertThat(attention.rope()).hasValue(new Rope(64, 10_000_000, new Scaling.None()));
        assertThat(attention.projections().gate()).isPresent();
        assertThat(spec.layers())
                .allMatch(layer ->
                        layer.feedForwardNorm().filter(Norm::onePlusWeight).isPresent());
        assertThat(mixture(spec).shape()).isEqualTo("10 of 512 experts 512 beside MLP 512");
        assertThat(mixture(spec).router())
                .isEqualTo(Router.softmax(mixture(spec).router().logits(), 10, true));
    }

    @Test
    void defaults() {
        ModelSpec spec = ModelDir.of(dir, "qwen3_next")
                .without("num_key_value_heads")
                .without("intermediate_size")
                .with("mlp_only_layers", "[1]")
                .read();
        assertThat(spec.layers().get(3).shape())
                .startsWith("4 heads (2 KV) of 256")
                .endsWith("10 of 512 experts 512 beside MLP 512");
        assertThat(mixture(spec).router().renormalized()).isTrue();
        assertThat(spec.layers().get(1).shape()).endsWith("MLP 5632");
    }

    /**
     * Each key head has query, key, values and gates in one tensor, betas and decays in the other. Two value heads read each of the two key heads.
     */
    @Test
    void aDeltaNetInTwoTensors() {
        ModelSpec spec = small().read();
        assertThat(tensors(spec, "model.layers.0.linear_attn."))
                .containsExactlyInAnyOrder(
                        "in_proj_qkvz.weight [80, 32]",
                        "in_proj_ba.weight [8, 32]",
                        "conv1d.weight [56, 1, 4]",
                        "A_log [4]",
                        "dt_bias [4]",
                        "norm.weight [6]",
                        "out_proj.weight [32, 24]");
        GatedDeltaNet net = deltaNet(spec);
        assertPart(net.inputs().query(), 16, new Storage(0, new Order.Runs(8, 40), 80, false));
        assertPart(net.inputs().key(), 16, new Storage(8, new Order.Runs(8, 40), 80, false));
        assertPart(net.inputs().value(), 24, new Storage(16, new Order.Runs(12, 40), 80, false));
        assertPart(net.inputs().gate(), 24, new Storage(28, new Order.Runs(12, 40), 80, false));
        assertPart(net.inputs().beta(), 4, new Storage(0, new Order.Runs(2, 4), 8, false));
        assertPart(net.inputs().decay(), 4, new Storage(2, new Order.Runs(2, 4), 8, false));
    }

    private static void assertPart(Linear part, int outputs, Storage storage) {
        assertThat(part.outputs()).isEqualTo(outputs);
        assertThat(part.storage()).isEqualTo(storage);
    }

    @Test
    void expertsBesideASharedOne() {
        ModelSpec spec = small().with("norm_topk_prob", "false")
                .with("mlp_only_layers", "[1]")
                .read();
        assertThat(mixture(spec).router())
                .isEqualTo(Router.softmax(mixture(spec).router().logits(), 2, false));
        assertThat(tensors(spec, "model.layers.0.mlp."))
                .contains(
                        "gate.weight [6, 32]",
                        "experts.5.gate_proj.weight [8, 32]",
                        "experts.5.up_proj.weight [8, 32]",
                        "experts.5.down_proj.weight [32, 8]",
                        "shared_expert.gate_proj.weight [12, 32]",
                        "shared_expert.up_proj.weight [12, 32]",
                        "shared_expert.down_proj.weight [32, 12]",
                        "shared_expert_gate.weight [1, 32]")
                .hasSize(1 + 6 * 3 + 4);
        assertThat(spec.layers().get(1).feedForward())
                .isInstanceOfSatisfying(
                        Mlp.class, mlp -> assertThat(mlp.width()).isEqualTo(48));
        assertThat(spec.layers().subList(2, 4)).allMatch(layer -> layer.feedForward() instanceof MixtureOfExperts);
    }

    @Test
    void whatIsRefused() {
        Path file = dir.resolve("config.json");
        assertThatThrownBy(small().with("linear_num_key_heads", "3")::read)
                .hasMessage(
                        "bad linear_num_key_heads in %s: 3 (must divide linear_num_value_heads, 4; correct it)", file);
        assertThatThrownBy(small().with("num_experts_per_tok", "7")::read)
                .hasMessage("bad num_experts_per_tok in %s: 7 (at most the number of experts, 6; correct it)", file);
    }
}
