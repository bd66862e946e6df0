package nighttrain.io.spec;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.List;
import nighttrain.io.ModelDir;
import nighttrain.io.spec.Parameter.Linear;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Tests which weights of a model's four layers {@code fp8} leaves unquantised. */
class WeightFormatTest {
    @TempDir
    Path dir;

    private static List<Linear> left(ModelSpec spec) {
        ModelSpec fp8 = spec.with(WeightFormat.Choice.FP8);
        return fp8.layers().stream()
                .flatMap(layer -> layer.parameters().stream())
                .filter(Linear.class::isInstance)
                .map(Linear.class::cast)
                .filter(linear -> fp8.formatOf(List.of(linear)) == WeightFormat.PLAIN)
                .toList();
    }

    @Test
    void theLastFeedForward() {
        assertThat(left(ModelDir.of(dir, "llama").read()))
                .extracting(Linear::weight)
                .containsExactly(
                        "model.layers.3.mlp.gate_proj.weight",
                        "model.layers.3.mlp.up_proj.weight",
                        "model.layers.3.mlp.down_proj.weight");
    }

    /** The experts are in tensors of their own, or all in two tensors. */
    @ParameterizedTest
    @ValueSource(strings = {"mixtral", "granitemoe"})
    void theLastExperts(String modelType) {
        ModelSpec spec =
                ModelDir.of(dir, modelType).with("num_local_experts", "4").read();
        assertThat(left(spec))
                .hasSize(1 + 4 * 3)
                .isEqualTo(spec.layers().get(3).feedForward().parameters());
    }

    /** A checkpoint in 8 bits decides itself which weights stay unquantised. */
    @Test
    void noneOfAQuantisedCheckpointButWhatItLeaves() {
        ModelDir model = ModelDir.of(dir, "llama");
        assertThat(left(model.with("quantization_config", "{\"quant_method\":\"fp8\"}")
                        .read()))
                .isEmpty();
        assertThat(left(model.with(
                                "quantization_config",
                                "{\"quant_method\":\"fp8\",\"modules_to_not_convert\":[\"model.layers.1.mlp.up_proj\"]}")
                        .read()))
                .extracting(Linear::weight)
                .containsExactly("model.layers.1.mlp.up_proj.weight");
    }
}
