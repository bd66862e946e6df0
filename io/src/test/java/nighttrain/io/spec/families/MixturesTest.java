package nighttrain.io.spec.families;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import nighttrain.io.ModelDir;
import nighttrain.io.UserError;
import nighttrain.io.spec.Attention;
import nighttrain.io.spec.LayerSpec;
import nighttrain.io.spec.MixtureOfExperts;
import nighttrain.io.spec.MixtureOfExperts.Activation;
import nighttrain.io.spec.MixtureOfExperts.Router;
import nighttrain.io.spec.Mlp;
import nighttrain.io.spec.ModelSpec;
import nighttrain.io.spec.Parameter.Linear;
import nighttrain.io.spec.Parameter.Linear.Storage;
import nighttrain.io.spec.Rope;
import nighttrain.io.spec.TensorSpec;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Reads families whose feed-forwards are mixtures of experts. */
class MixturesTest {
    @TempDir
    Path dir;

    @Test
    void qwen3MoeWithItsOwnDefaults() {
        ModelSpec spec = ModelDir.of(dir, "qwen3_moe")
                .with("num_experts", "6")
                .with("num_experts_per_tok", "2")
                .read();
        assertThat(spec.layers()).allSatisfy(layer -> {
            MixtureOfExperts mixture = (MixtureOfExperts) layer.feedForward();
            assertThat(mixture.router())
                    .isEqualTo(Router.softmax(mixture.router().logits(), 2, false));
            assertThat(mixture.activation()).isEqualTo(new Activation.Plain(Mlp.Activation.SILU));
            assertThat(mixture.experts()).hasSize(6);
            assertThat(mixture.width()).as("transformers' default").isEqualTo(768);
            assertThat(((Attention) layer.mixer()).headNorms()).isPresent();
            assertThat(((Attention) layer.mixer()).window()).isZero();
        });
        assertThat(((Attention) spec.layers().get(0).mixer()).headDim()).isEqualTo(8);
        assertThat(names(spec))
                .contains(
                        "model.layers.3.mlp.gate.weight",
                        "model.layers.3.mlp.experts.5.gate_proj.weight",
                        "model.layers.0.mlp.experts.0.down_proj.weight")
                .doesNotContain("model.layers.0.mlp.up_proj.weight");
    }

    @Test
    void qwen3MoeHasDenseLayersBetween() {
        ModelDir model = ModelDir.of(dir, "qwen3_moe")
                .with("moe_intermediate_size", "16")
                .with("norm_topk_prob", "true");
        assertThat(dense(model.with("decoder_sparse_step", "2").read())).containsExactly(true, false, true, false);
        assertThat(dense(model.with("mlp_only_layers", "[3]").read())).containsExactly(true, false, true, true);
        ModelSpec spec = model.read();
        assertThat(((Mlp) spec.layers().get(0).feedForward()).width()).isEqualTo(48);
        MixtureOfExperts mixture = (MixtureOfExperts) spec.layers().get(1).feedForward();
        assertThat(mixture.width()).isEqualTo(16);
        assertThat(mixture.experts()).as("transformers' default").hasSize(128);
        assertThat(mixture.router().renormalized()).isTrue();
        assertThat(spec.layers().get(1).shape()).endsWith("8 of 128 experts 16");
    }

    @Test
    void mixtralRenormalises() {
        ModelSpec spec = ModelDir.of(dir, "mixtral").read();
        MixtureOfExperts mixture = mixture(spec);
        assertThat(mixture.experts()).hasSize(8);
        assertThat(mixture.router()).isEqualTo(Router.softmax(mixture.router().logits(), 2, true));
        assertThat(mixture.width()).isEqualTo(48);
        Attention attention = (Attention) spec.layers().get(0).mixer();
        assertThat(attention.window()).isZero();
        assertThat(attention.rope().orElseThrow().theta()).isEqualTo(1_000_000);
        assertThat(mixture.experts().get(7).gate().orElseThrow().weight())
                .isEqualTo("model.layers.0.block_sparse_moe.experts.7.w1.weight");
        assertThat(mixture.experts().get(7).up().weight()).endsWith("7.w3.weight");
        assertThat(mixture.experts().get(7).down().weight()).endsWith("7.w2.weight");
    }

    @Test
    void granitemoeKeepsExpertsInTwoTensors() {
        ModelSpec spec =
                ModelDir.of(dir, "granitemoe").with("num_local_experts", "4").read();
        MixtureOfExperts mixture = mixture(spec);
        assertThat(mixture.router())
                .isEqualTo(Router.softmaxOfChosen(mixture.router().logits(), 2));
        Linear up = mixture.experts().get(3).up();
        assertThat(up.storage()).isEqualTo(new Storage(48, 96, false));
        assertThat(spec.tensors())
                .contains(tensor("model.layers.0.block_sparse_moe.input_linear.weight[3/4]", 96, 32))
                .contains(tensor("model.layers.0.block_sparse_moe.output_linear.weight[3/4]", 32, 48))
                .contains(tensor("model.layers.0.block_sparse_moe.router.layer.weight", 4, 32));
    }

    @Test
    void gptOssWithItsOwnDefaults() {
        ModelSpec spec = ModelDir.of(dir, "gpt_oss")
                .without("num_key_value_heads")
                .with("num_attention_heads", "8")
                .read();
        MixtureOfExperts mixture = mixture(spec);
        assertThat(mixture.experts()).hasSize(128);
        assertThat(mixture.router())
                .isEqualTo(Router.softmaxOfChosen(mixture.router().logits(), 4));
        assertThat(mixture.router().logits().bias()).hasValue("model.layers.0.mlp.router.bias");
        assertThat(mixture.activation()).isEqualTo(new Activation.ClampedSwiGlu(1.702, 7));
        assertThat(spec.layers())
                .extracting(layer -> ((Attention) layer.mixer()).window())
                .containsExactly(128, 0, 128, 0);
        Attention attention = (Attention) spec.layers().get(0).mixer();
        assertThat(attention.headDim()).isEqualTo(64);
        assertThat(attention.kvHeads()).isEqualTo(8);
        assertThat(attention.projections().output().bias()).isPresent();
        assertThat(attention.sinks().orElseThrow().size()).isEqualTo(8);
        assertThat(attention.rope().orElseThrow())
                .isEqualTo(
                        new Rope(64, 150_000, new Rope.Scaling.Yarn(32, 32, 1, 4096, false, 0.1 * Math.log(32) + 1)));
        ModelSpec unscaled =
                ModelDir.of(dir, "gpt_oss").with("rope_parameters", "{}").read();
        assertThat(((Attention) unscaled.layers().get(0).mixer()).rope())
                .hasValue(new Rope(64, 150_000, new Rope.Scaling.None()));
        assertThat(spec.tensors())
                .contains(tensor("model.layers.0.mlp.experts.gate_up_proj[127/128]", 32, 96))
                .contains(tensor("model.layers.0.mlp.experts.down_proj[127/128]", 48, 32));
    }

    /** The fields of transformers' classes are assigned first, then their other names. */
    @ParameterizedTest
    @CsvSource({
        "qwen3_moe, num_experts, num_local_experts",
        "mixtral, num_local_experts, num_experts",
        "gpt_oss, num_local_experts, num_experts",
        "glm4_moe, n_routed_experts, num_local_experts"
    })
    void theOtherNameOfTheNumberOfExpertsWins(String modelType, String field, String other) {
        ModelDir model = ModelDir.of(dir, modelType).with(field, "16");
        assertThat(experts(model.read())).isEqualTo(16);
        assertThat(experts(model.with(other, "32").read())).isEqualTo(32);
    }

    private static int experts(ModelSpec spec) {
        return ((MixtureOfExperts) spec.layers().get(3).feedForward()).experts().size();
    }

    /** An engine takes a matrix of a layer without a scale as bf16, however the experts are stored. */
    @Test
    void gptOssInMxfp4IsOtherwiseUnquantised() {
        ModelDir model = ModelDir.of(dir, "gpt_oss")
                .with("hidden_size", "64")
                .with("intermediate_size", "64")
                .with("num_local_experts", "4")
                .with("quantization_config", "{\"quant_method\": \"mxfp4\"}");
        assertThat(model.read().quantization()).isEmpty();
        assertThat(model.read().tensors()).contains(tensor("model.layers.0.mlp.experts.gate_up_proj[3/4]", 128, 64));
        assertThatThrownBy(
                        ModelDir.of(dir, "mixtral").with("quantization_config", "{\"quant_method\": \"mxfp4\"}")::read)
                .isInstanceOf(UserError.class)
                .hasMessageStartingWith("unsupported quantisation in ")
                .hasMessageContaining(": mxfp4 (");
    }

    @Test
    void tracksHaveExpertsOfTheirOwn() {
        ModelDir model =
                ModelDir.of(dir, "parallel_track").with("num_tracks", "2").with("track_block_depth", "2");
        assertThat(dense(model.read())).containsOnly(true);
        ModelSpec spec = model.with("num_experts", "6")
                .with("moe_intermediate_size", "20")
                .with("decoder_sparse_step", "2")
                .with("router_logit_softcapping", "50.0")
                .with("use_qk_norm", "true")
                .with(
                        "layer_types",
                        "[\"sliding_attention\", \"sliding_attention\", \"sliding_attention\", \"full_attention\"]")
                .with("sliding_window", "9")
                .with("no_rope_layers", "[1, 1, 1, 0]")
                .read();
        assertThat(dense(spec)).containsExactly(true, false, true, false);
        MixtureOfExperts mixture = (MixtureOfExperts) spec.layers().get(1).feedForward();
        assertThat(mixture.router())
                .isEqualTo(Router.softmax(mixture.router().logits(), 2, true).cappedTo(50));
        assertThat(spec.layers())
                .extracting(layer -> ((Attention) layer.mixer()).window())
                .containsExactly(9, 9, 9, 0);
        assertThat(spec.layers())
                .extracting(layer -> ((Attention) layer.mixer()).rope().isPresent())
                .containsExactly(true, true, true, false);
        assertThat(names(spec))
                .contains(
                        "model.tracks.1.layers.3.mlp.experts.5.down_proj.weight",
                        "model.tracks.0.layers.1.mlp.gate.weight",
                        "model.tracks.1.layers.0.self_attn.q_norm.weight",
                        "model.tracks.1.layers.2.mlp.up_proj.weight");
        long expert = 3 * 32 * 20;
        assertThat(spec.parameterCount() - spec.activeParameterCount()).isEqualTo(2 * 2 * 4 * expert);
    }

    /** In each layer only the chosen experts count as active; a tensor of several experts counts once. */
    @Test
    void activeParametersAreThoseOfChosenExperts() {
        ModelSpec mixtral = ModelDir.of(dir, "mixtral").read();
        long expert = 3 * 32 * 48;
        assertThat(mixtral.parameterCount() - mixtral.activeParameterCount()).isEqualTo(4 * 6 * expert);
        ModelSpec granite = ModelDir.of(dir, "granitemoe").read();
        assertThat(granite.parameterCount()).isEqualTo(mixtral.parameterCount());
        assertThat(granite.activeParameterCount()).isEqualTo(mixtral.activeParameterCount());
        ModelSpec dense = ModelDir.of(dir, "llama").read();
        assertThat(dense.activeParameterCount()).isEqualTo(dense.parameterCount());
    }

    @Test
    void moreExpertsATokenThanThereAre() {
        ModelDir model = ModelDir.of(dir, "mixtral").with("num_experts_per_tok", "9");
        assertThatThrownBy(model::read)
                .isInstanceOf(UserError.class)
                .hasMessage("bad num_experts_per_tok in %s: 9 (at most the number of experts, 8; correct it)"
                        .formatted(model.configFile()));
    }

    @Test
    void moreExpertsThanAnyModelHas() {
        ModelDir model = ModelDir.of(dir, "qwen3_moe").with("num_experts", "1000000000");
        assertThatThrownBy(model::read)
                .isInstanceOf(UserError.class)
                .hasMessage("too many experts in %s: 1000000000 (at most 2048; correct the number of experts)"
                        .formatted(model.configFile()));
    }

    private static MixtureOfExperts mixture(ModelSpec spec) {
        return (MixtureOfExperts) spec.layers().get(0).feedForward();
    }

    private static List<Boolean> dense(ModelSpec spec) {
        return spec.layers().stream()
                .map(LayerSpec::feedForward)
                .map(Mlp.class::isInstance)
                .toList();
    }

    private static TensorSpec tensor(String name, long... shape) {
        return new TensorSpec(name, Arrays.stream(shape).boxed().toList(), TensorSpec.Fill.NORMAL);
    }

    private static List<String> names(ModelSpec spec) {
        return spec.tensors().stream().map(TensorSpec::name).toList();
    }
}
