package nighttrain.io.spec.families;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.util.List;
import nighttrain.io.ModelDir;
import nighttrain.io.UserError;
import nighttrain.io.spec.Attention;
import nighttrain.io.spec.ModelSpec;
import nighttrain.io.spec.TensorSpec;
import nighttrain.io.spec.Wiring;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class LaneformerTest {
    @TempDir
    Path dir;

    private ModelDir model() {
        return ModelDir.of(dir, "laneformer").with("num_lanes", "2");
    }

    private static List<Integer> windows(ModelSpec spec) {
        return spec.layers().stream()
                .map(layer -> ((Attention) layer.mixer()).window())
                .toList();
    }

    @ParameterizedTest
    @ValueSource(strings = {"laneformer", "laneformer_tp"})
    void lanesAreTracksWithAShareOfHeadsAndMlp(String modelType) {
        ModelSpec spec = ModelDir.of(dir, modelType)
                .with("num_lanes", "2")
                .with("broadcast_delay", "3")
                .with("use_early_comm", "false")
                .with("use_attention_comm", "true")
                .read();
        assertThat(spec.wiring()).isEqualTo(new Wiring.Delayed(2, 3, false, true));
        assertThat(spec.layers()).hasSize(4);
        assertThat(spec.layers().get(0).shape()).isEqualTo("2 heads (1 KV) of 8, MLP 24");
        assertThat(spec.hiddenSize()).isEqualTo(32);
        assertThat(spec.tensors())
                .filteredOn(tensor -> tensor.name().startsWith("model.layers.3.attention"))
                .extracting(TensorSpec::name)
                .contains(
                        "model.layers.3.attention_norm.weight",
                        "model.layers.3.attention.wq.weight[0/2]",
                        "model.layers.3.attention.wq.weight[1/2]");
    }

    @Test
    void defaults() {
        ModelSpec spec = model().read();
        assertThat(spec.wiring()).isEqualTo(new Wiring.Delayed(2, 1, true, true));
        assertThat(spec.maxPositions()).isEqualTo(131_072);
        assertThat(spec.finalNorm().weight()).isEqualTo("model.norm.weight");
        assertThat(spec.head().tiedTo()).isEmpty();
    }

    @Test
    void lanesThatHaveNormsOfTheirOwn() {
        ModelDir own = model().with("replicated_rmsn_scale", "false");
        assertThat(own.read().finalNorm().weight()).isEqualTo("model.norm.scale[{track}/2]");
        assertThat(own.with("pre_norm_lane_agg", "true").read().finalNorm().weight())
                .as("of one stream")
                .isEqualTo("model.norm.weight");
    }

    @Test
    void windowsOfTheFirstOfTheLastOrOfNamedLayers() {
        ModelDir model = model().with("sliding_window", "6");
        assertThat(windows(model.read())).containsExactly(0, 0, 0, 0);
        assertThat(windows(model.with("sliding_window_n_layers", "3").read())).containsExactly(6, 6, 6, 0);
        assertThat(windows(model.with("unclamped_layers", "[1]").read())).containsExactly(6, 0, 6, 0);
        assertThat(windows(model.with("sliding_window_n_layers", "-1").read())).containsExactly(0, 0, 0, 6);
        assertThat(windows(model.with("swa_layers", "[0, 1]").read())).containsExactly(6, 0, 0, 0);
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            bad num_lanes            | num_lanes      | 3       | must divide num_attention_heads, 4; correct it
            bad num_lanes            | num_lanes      | 4       | must divide num_key_value_heads, 2; correct it
            unsupported use_comm     | use_comm       | false   | only true is supported; choose another model
            unsupported use_mlp_comm | use_mlp_comm   | false   | only true is supported; choose another model
            unsupported lm_head_type | lm_head_type   | "lane"  | only replicate is supported; choose another model
            bad swa_layers           | swa_layers     | [1]     | none without sliding_window; correct it
            """)
    void refusals(String what, String key, String value, String hint) {
        ModelDir model = model().with(key, value);
        assertThatThrownBy(model::read)
                .isInstanceOf(UserError.class)
                .hasMessage("%s in %s: %s (%s)", what, model.configFile(), value, hint);
    }

    @Test
    void otherFamiliesHaveNoLanesAndNoDesyncResidual() {
        for (String key : List.of("num_lanes", "reduce_every")) {
            assertThatThrownBy(ModelDir.of(dir, "llama").with(key, "2")::read)
                    .hasMessageStartingWith("unsupported " + key + " in ");
        }
    }

    @Test
    void desyncResidualIsTracksOfOneHiddenSize() {
        ModelDir desync = ModelDir.of(dir, "desync_residual").with("num_tracks", "4");
        assertThat(desync.with("reduce_every", "3").read().wiring()).isEqualTo(new Wiring.Desync(4, 3));
        assertThatThrownBy(desync.without("reduce_every")::read)
                .hasMessage(
                        "missing key in %s: reduce_every (an integer from 1 to 1073741824; add it)",
                        desync.configFile());
    }
}
