package nighttrain.io.spec.families;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.util.Optional;
import java.util.stream.Collectors;
import nighttrain.io.ModelDir;
import nighttrain.io.spec.Attention;
import nighttrain.io.spec.LayerSpec.Residual;
import nighttrain.io.spec.Mamba2;
import nighttrain.io.spec.MixtureOfExperts;
import nighttrain.io.spec.MixtureOfExperts.Router;
import nighttrain.io.spec.ModelSpec;
import nighttrain.io.spec.Rope;
import nighttrain.io.spec.Rope.Scaling;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class GraniteHybridTest {
    @TempDir
    Path dir;

    private ModelDir small() {
        return ModelDir.of(dir, "granitemoehybrid")
                .with("num_local_experts", "0")
                .with("mamba_n_heads", "8");
    }

    private static String mixers(ModelSpec spec) {
        return spec.layers().stream()
                .map(layer -> layer.mixer() instanceof Attention ? "A" : "m")
                .collect(Collectors.joining());
    }

    private static Mamba2 mamba(ModelSpec spec) {
        return (Mamba2) spec.layers().get(0).mixer();
    }

    /** The config of Granite 4.0 H 350M, shortened. */
    @Test
    void theConfigOfAPublishedModel() {
        ModelSpec spec = ModelDir.json(dir, """
                {"architectures": ["GraniteMoeHybridForCausalLM"], "attention_bias": false, "attention_multiplier": 0.015625,
                 "embedding_multiplier": 12, "hidden_act": "silu", "hidden_size": 768, "intermediate_size": 2048,
                 "layer_types": ["mamba", "mamba", "attention", "mamba"], "logits_scaling": 3, "mamba_chunk_size": 256,
                 "mamba_conv_bias": true, "mamba_d_conv": 4, "mamba_d_head": 32, "mamba_d_state": 128, "mamba_expand": 2,
                 "mamba_n_groups": 1, "mamba_n_heads": 48, "mamba_proj_bias": false, "max_position_embeddings": 32768,
                 "model_type": "granitemoehybrid", "normalization_function": "rmsnorm", "num_attention_heads": 12,
                 "num_experts_per_tok": 0, "num_hidden_layers": 4, "num_key_value_heads": 4, "num_local_experts": 0,
                 "position_embedding_type": "nope", "residual_multiplier": 0.246, "rms_norm_eps": 1e-05,
                 "rope_theta": 10000, "shared_intermediate_size": 2048, "tie_word_embeddings": true,
                 "vocab_size": 100352}""").read();
        assertThat(mixers(spec)).isEqualTo("mmAm");
        Attention attention = (Attention) spec.layers().get(2).mixer();
        assertThat(attention.rope()).isEmpty();
        assertThat(attention.scale()).isEqualTo(1.0 / 64);
        assertThat(spec.layers().get(0).mixerResidual()).isEqualTo(Residual.times(0.246));
        assertThat(spec.embedding().scale()).isEqualTo(12);
        assertThat(spec.head().divisor()).isEqualTo(3);
        assertThat(spec.head().tiedTo()).isPresent();
        Mamba2 mamba = mamba(spec);
        assertThat(mamba.shape()).isEqualTo("Mamba-2 of 48 heads of 32 x 128");
        assertThat(mamba.stateElements(1)).isEqualTo(48 * 32 * 128 + 3 * (1_536 + 256));
        assertThat(mamba.steps()).isEqualTo(Mamba2.Steps.ANY);
        assertThat(spec.stateElementsPerSequence()).isEqualTo(3 * mamba.stateElements(1));
        assertThat(spec.layers().get(0).shape()).endsWith("MLP 2048");
    }

    @Test
    void defaults() {
        ModelSpec spec = small().read();
        assertThat(mixers(spec)).isEqualTo("mmmm");
        assertThat(mamba(spec).heads().dim())
                .as("twice the hidden size by heads")
                .isEqualTo(8);
        assertThat(mamba(spec).heads().stateSize()).isEqualTo(256);
        assertThat(mamba(spec).convolution().bias()).isPresent();
        assertThat(spec.kvElementsPerToken()).isZero();
        assertThat(mamba(small().with("mamba_d_head", "\"auto\"").read())
                        .heads()
                        .dim())
                .isEqualTo(8);
    }

    /** Layer types have the names of published files or those that transformers 5 writes. */
    @Test
    void namesOfLayerTypes() {
        assertThat(mixers(small().with("layers_block_type", "[\"mamba\", \"attention\", \"mamba\", \"attention\"]")
                        .read()))
                .isEqualTo("mAmA");
        assertThat(mixers(small().with(
                                "layer_types",
                                "[\"linear_attention\", \"full_attention\", \"linear_attention\", \"linear_attention\"]")
                        .read()))
                .isEqualTo("mAmm");
    }

    @Test
    void positionsWhereTold() {
        ModelDir attention = small().with("layer_types", "[\"mamba\", \"attention\", \"mamba\", \"attention\"]");
        assertThat(((Attention) attention.read().layers().get(1).mixer()).rope())
                .isEqualTo(Optional.empty());
        ModelSpec turned = attention.with("position_embedding_type", "\"rope\"").read();
        assertThat(((Attention) turned.layers().get(1).mixer()).rope())
                .hasValue(new Rope(8, 10_000, new Scaling.None()));
    }

    /** The config of Granite 4.0 H Tiny, shortened. */
    @Test
    void expertsBesideTheMlp() {
        ModelSpec spec = ModelDir.json(dir, """
                {"architectures": ["GraniteMoeHybridForCausalLM"], "attention_bias": false, "attention_multiplier": 0.0078125,
                 "embedding_multiplier": 12, "hidden_act": "silu", "hidden_size": 1536, "intermediate_size": 512,
                 "layer_types": ["mamba", "mamba", "attention", "mamba"], "logits_scaling": 6, "mamba_chunk_size": 256,
                 "mamba_conv_bias": true, "mamba_d_conv": 4, "mamba_d_head": 64, "mamba_d_state": 128, "mamba_expand": 2,
                 "mamba_n_groups": 1, "mamba_n_heads": 48, "mamba_proj_bias": false, "max_position_embeddings": 131072,
                 "model_type": "granitemoehybrid", "normalization_function": "rmsnorm", "num_attention_heads": 12,
                 "num_experts_per_tok": 6, "num_hidden_layers": 4, "num_key_value_heads": 4, "num_local_experts": 64,
                 "output_router_logits": false, "position_embedding_type": "nope", "residual_multiplier": 0.22,
                 "rms_norm_eps": 1e-05, "rope_theta": 10000, "router_aux_loss_coef": 0.0, "shared_intermediate_size": 1024,
                 "tie_word_embeddings": true, "vocab_size": 100352}""").read();
        assertThat(spec.layers()).allSatisfy(layer -> {
            MixtureOfExperts mixture = (MixtureOfExperts) layer.feedForward();
            assertThat(mixture.shape()).isEqualTo("6 of 64 experts 512 beside MLP 1024");
            assertThat(mixture.router())
                    .isEqualTo(Router.softmaxOfChosen(mixture.router().logits(), 6));
            assertThat(mixture.shared().orElseThrow().gate()).isEmpty();
            assertThat(layer.feedForwardResidual()).isEqualTo(Residual.times(0.22));
        });
        assertThat(spec.tensors().stream()
                        .filter(tensor -> tensor.name().startsWith("model.layers.2."))
                        .map(tensor -> tensor.name().substring(15) + " " + tensor.shape()))
                .contains(
                        "block_sparse_moe.router.layer.weight [64, 1536]",
                        "block_sparse_moe.input_linear.weight[63/64] [1024, 1536]",
                        "block_sparse_moe.output_linear.weight[63/64] [1536, 512]",
                        "shared_mlp.input_linear.weight [2048, 1536]",
                        "shared_mlp.output_linear.weight [1536, 1024]");
        assertThat(spec.parameterCount() - spec.activeParameterCount()).isEqualTo(4L * (64 - 6) * 3 * 1536 * 512);
    }

    @Test
    void expertsWhereConfigJsonDoesNotSay() {
        MixtureOfExperts mixture = (MixtureOfExperts)
                small().without("num_local_experts").read().layers().get(0).feedForward();
        assertThat(mixture.shape()).isEqualTo("2 of 8 experts 48 beside MLP 1024");
    }

    /** The parts are in the order gates, values, B, C, steps; gate and up of the MLP are side by side. */
    @Test
    void partsOfFusedTensors() {
        Mamba2 mamba = mamba(small().with("mamba_d_state", "6").read());
        assertThat(mamba.inputs().gate().storage().firstOutput()).isZero();
        assertThat(mamba.inputs().value().storage().firstOutput()).isEqualTo(64);
        assertThat(mamba.inputs().in().storage().firstOutput()).isEqualTo(128);
        assertThat(mamba.inputs().out().storage().firstOutput()).isEqualTo(134);
        assertThat(mamba.inputs().step().storage().firstOutput()).isEqualTo(140);
        assertThat(mamba.inputs().step().storage().outputs()).isEqualTo(148);
    }

    @Test
    void boundsOfSteps() {
        assertThat(mamba(small().with("time_step_limit", "[0.0, Infinity]").read())
                        .steps())
                .isEqualTo(Mamba2.Steps.ANY);
        assertThat(mamba(small().with("time_step_limit", "[0.0, {\"__float__\": \"Infinity\"}]")
                                .read())
                        .steps())
                .isEqualTo(Mamba2.Steps.ANY);
        assertThat(mamba(small().with("time_step_limit", "[0.001, 0.1]").read()).steps())
                .isEqualTo(new Mamba2.Steps(0.001, 0.1));
        assertThatThrownBy(small().with("time_step_limit", "[0.1, 0.001]")::read)
                .hasMessage(
                        "bad time_step_limit in %s: [0.1,0.001] (two ascending numbers from 0; correct it)",
                        dir.resolve("config.json"));
    }

    @Test
    void whatIsRefused() {
        Path file = dir.resolve("config.json");
        assertThatThrownBy(small().with("num_local_experts", "-1")::read)
                .hasMessage("bad num_local_experts in %s: -1 (0 for a dense model, or more; correct it)", file);
        assertThatThrownBy(small().with("num_local_experts", "2").with("num_experts_per_tok", "3")::read)
                .hasMessage("bad num_experts_per_tok in %s: 3 (at most the number of experts, 2; correct it)", file);
        assertThatThrownBy(small().with("mamba_n_heads", "7")::read)
                .hasMessage(
                        "bad mamba_n_heads in %s: 7 (times mamba_d_head must be mamba_expand times hidden_size, 64;"
                                + " correct it)",
                        file);
        assertThatThrownBy(small().with("mamba_n_groups", "3")::read)
                .hasMessage("bad mamba_n_groups in %s: 3 (must divide mamba_n_heads, 8; correct it)", file);
        assertThatThrownBy(small().with("layer_types", "[\"mamba\"]")::read)
                .hasMessage("bad layer_types in %s: 1 entries (one per layer, 4; correct it)", file);
        assertThatThrownBy(small().with("layer_types", "[\"mamba\", \"moe\", \"mamba\", \"mamba\"]")::read)
                .hasMessage(
                        "unsupported layer_types in %s: moe (mamba and attention are supported; choose another model)",
                        file);
    }
}
