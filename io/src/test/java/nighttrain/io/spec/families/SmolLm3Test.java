package nighttrain.io.spec.families;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.util.List;
import nighttrain.io.ModelDir;
import nighttrain.io.spec.Attention;
import nighttrain.io.spec.ModelSpec;
import nighttrain.io.spec.Rope;
import nighttrain.io.spec.Rope.Scaling;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SmolLm3Test {
    @TempDir
    Path dir;

    private static List<Attention> attentions(ModelSpec spec) {
        return spec.layers().stream().map(layer -> (Attention) layer.mixer()).toList();
    }

    private static List<Boolean> turned(ModelSpec spec) {
        return attentions(spec).stream().map(it -> it.rope().isPresent()).toList();
    }

    @Test
    void theConfigOfThePublishedModel() {
        ModelSpec spec = ModelDir.json(dir, """
                {"architectures": ["SmolLM3ForCausalLM"], "attention_bias": false, "hidden_act": "silu", "hidden_size": 2048,
                 "intermediate_size": 11008, "layer_types": ["full_attention", "full_attention", "full_attention", "full_attention"],
                 "max_position_embeddings": 65536, "max_window_layers": 28, "mlp_bias": false, "model_type": "smollm3",
                 "no_rope_layer_interval": 4, "no_rope_layers": [1, 1, 1, 0], "num_attention_heads": 16, "num_hidden_layers": 4,
                 "num_key_value_heads": 4, "pretraining_tp": 2, "rms_norm_eps": 1e-06, "rope_scaling": null,
                 "rope_theta": 5000000.0, "sliding_window": null, "use_sliding_window": false, "vocab_size": 128256}""").read();
        assertThat(turned(spec)).containsExactly(true, true, true, false);
        assertThat(attentions(spec).get(0).rope()).hasValue(new Rope(128, 5_000_000, new Scaling.None()));
        assertThat(attentions(spec)).allMatch(it -> it.window() == 0);
        assertThat(spec.head().tiedTo()).as("transformers' default").isPresent();
    }

    @Test
    void defaults() {
        ModelDir model = ModelDir.of(dir, "smollm3").with("num_hidden_layers", "8");
        ModelSpec spec = model.read();
        assertThat(turned(spec)).containsExactly(true, true, true, false, true, true, true, false);
        assertThat(attentions(spec).get(0).rope().orElseThrow().theta()).isEqualTo(2_000_000);
        assertThat(spec.maxPositions()).isEqualTo(32_768);
        assertThat(turned(model.with("no_rope_layer_interval", "2").read()))
                .containsExactly(true, false, true, false, true, false, true, false);
    }

    @Test
    void layersWithoutPositionsSlideWhereTold() {
        ModelDir model = ModelDir.of(dir, "smollm3").with("sliding_window", "16");
        assertThat(attentions(model.read())).extracting(Attention::window).containsOnly(0);
        assertThat(attentions(model.with("use_sliding_window", "true").read()))
                .extracting(Attention::window)
                .containsExactly(0, 0, 0, 16);
    }

    /** As in transformers, a list may be longer than the number of layers. */
    @Test
    void whatTheListSaysOfMoreLayersDoesNotMatter() {
        assertThat(turned(ModelDir.of(dir, "smollm3")
                        .with("no_rope_layers", "[0, 1, 1, 0, 0, 1]")
                        .read()))
                .containsExactly(false, true, true, false);
    }

    @Test
    void badLists() {
        assertThatThrownBy(ModelDir.of(dir, "smollm3").with("no_rope_layers", "[1, 1]")::read)
                .hasMessage(
                        "bad no_rope_layers in %s: [1,1] (one per layer, 4; correct it)", dir.resolve("config.json"));
        assertThatThrownBy(ModelDir.of(dir, "smollm3").with("no_rope_layers", "[1, \"x\", 1, 0]")::read)
                .hasMessageContaining("(a list of integers; correct it)");
        assertThatThrownBy(ModelDir.of(dir, "smollm3").with("no_rope_layers", "1")::read)
                .hasMessageContaining("(a list of integers; correct it)");
    }
}
