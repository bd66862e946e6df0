package nighttrain.io.spec.families;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import nighttrain.io.ModelDir;
import nighttrain.io.spec.Attention;
import nighttrain.io.spec.ModelSpec;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TextConfigTest {
    private static final String SIZES =
            "\"hidden_size\": 32, \"intermediate_size\": 48, \"num_hidden_layers\": 1, \"num_attention_heads\": 4, \"num_key_value_heads\": 2, \"vocab_size\": 96";

    @TempDir
    Path dir;

    private ModelSpec read(String outer, String inner) {
        return ModelDir.json(
                        dir, "{\"model_type\": \"mistral3\"%s, \"text_config\": {%s%s}}".formatted(outer, SIZES, inner))
                .read();
    }

    /** Mistral Small 3.1 has a text config that does not name its family. */
    @Test
    void theFamilyOfOlderFiles() {
        ModelSpec spec = read("", ", \"rope_theta\": 1000000000.0, \"sliding_window\": null");
        assertThat(spec.modelType()).isEqualTo("mistral");
        Attention attention = (Attention) spec.layers().get(0).mixer();
        assertThat(attention.rope().orElseThrow().theta()).isEqualTo(1e9);
        assertThat(attention.window()).isZero();
        assertThat(spec.head().tiedTo()).isEmpty();
        assertThat(spec.spellings())
                .extracting(spelling -> spelling.of("model.layers.0.input_layernorm.weight"))
                .containsExactly(
                        "language_model.model.layers.0.input_layernorm.weight",
                        "model.language_model.layers.0.input_layernorm.weight");
        assertThat(spec.spellings())
                .extracting(spelling -> spelling.of("lm_head.weight"))
                .containsExactly("language_model.lm_head.weight", "lm_head.weight");
    }

    @Test
    void theInnerConfigSaysWhatIsTiedAndElseTheOuter() {
        String tied = ", \"tie_word_embeddings\": true";
        String untied = ", \"tie_word_embeddings\": false";
        assertThat(read(tied, "").head().tiedTo()).isPresent();
        assertThat(read(tied, untied).head().tiedTo()).isEmpty();
        assertThat(read(untied, tied).head().tiedTo()).isPresent();
    }

    @Test
    void keysThatItsFamilyDoesNotObeyAreRefused() {
        assertThatThrownBy(() -> read("", ", \"final_logit_softcapping\": 30.0"))
                .hasMessage(
                        "unsupported final_logit_softcapping in text_config of %s: 30.0 (a mistral model here has no such thing, and"
                                + " it would change every answer; choose another model, or drop the key if its weights were trained"
                                + " without it)",
                        dir.resolve("config.json"));
    }

    @Test
    void noTextConfig() {
        assertThatThrownBy(ModelDir.json(dir, "{\"model_type\": \"mistral3\"}")::read)
                .hasMessage(
                        "missing key in %s: text_config (the language model's config; copy config.json again)",
                        dir.resolve("config.json"));
    }
}
