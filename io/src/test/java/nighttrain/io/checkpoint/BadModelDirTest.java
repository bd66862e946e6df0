package nighttrain.io.checkpoint;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import nighttrain.io.ModelDir;
import nighttrain.io.UserError;
import org.assertj.core.api.AbstractThrowableAssert;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class BadModelDirTest {
    @TempDir
    Path dir;

    private static AbstractThrowableAssert<?, ?> assertRefused(Path dir) {
        assertThatThrownBy(() -> Checkpoints.dummy(dir)).as("dummy weights").isInstanceOf(UserError.class);
        return assertThatThrownBy(() -> Checkpoints.open(dir)).isInstanceOf(UserError.class);
    }

    @Test
    void directoryMissing() {
        assertRefused(dir.resolve("nowhere"))
                .hasMessage(
                        "model directory not found: %s (a local directory with config.json and *.safetensors; download the model, or check --model)",
                        dir.resolve("nowhere"));
    }

    @Test
    void notADirectory() throws IOException {
        Path file = Files.writeString(dir.resolve("file"), "x");
        assertRefused(file)
                .hasMessage(
                        "model is not a directory: %s (a local directory with config.json and *.safetensors; download the model, or check --model)",
                        file);
    }

    @Test
    void directoryEmpty() {
        assertRefused(dir)
                .hasMessage(
                        "model directory is empty: %s (a local directory with config.json and *.safetensors; download the model, or check --model)",
                        dir);
    }

    @Test
    void configMissing() throws IOException {
        Files.writeString(dir.resolve("README"), "x");
        assertRefused(dir)
                .hasMessage(
                        "no config.json in the model directory: %s (needed beside the weights; copy it from where the"
                                + " model came from)",
                        dir);
    }

    @Test
    void configEmptyOrNoJson() throws IOException {
        Path config = Files.writeString(dir.resolve("config.json"), "");
        assertRefused(dir).hasMessage("empty file: %s (a JSON object is expected; copy the file again)", config);
        Files.writeString(config, "{\"model_type\": \"llama\",\n  oops}");
        assertRefused(dir)
                .hasMessageStartingWith("not valid JSON: " + config + " (Unexpected character")
                .hasMessageEndingWith(" at line 2, column 3; copy the file again)")
                .hasMessageNotContaining("\n");
        Files.writeString(config, "[1]");
        assertRefused(dir).hasMessage("not a JSON object: %s (found array; copy the file again)", config);
        Files.writeString(config, "{} {}");
        assertRefused(dir).hasMessageStartingWith("not valid JSON: " + config + " (Trailing token");
    }

    @Test
    void weightsMissing() {
        ModelDir.of(dir, "llama").write();
        assertThatThrownBy(() -> Checkpoints.open(dir))
                .isInstanceOf(UserError.class)
                .hasMessage(
                        "no *.safetensors in the model directory: %s (weights are read from safetensors; convert other"
                                + " formats)",
                        dir);
    }

    @Test
    void shardsWithoutIndex() {
        ModelDir.of(dir, "llama").write().file("a.safetensors", "").file("b.safetensors", "");
        assertThatThrownBy(() -> Checkpoints.open(dir))
                .isInstanceOf(UserError.class)
                .hasMessage(
                        "no model.safetensors.index.json in the model directory: %s (needed with 2 safetensors files;"
                                + " copy it from where the model came from)",
                        dir);
    }

    @Test
    void indexThatDoesNotFit() {
        ModelDir model = ModelDir.of(dir, "llama").write();
        Path index = dir.resolve("model.safetensors.index.json");
        model.file(index.getFileName().toString(), "{}");
        assertThatThrownBy(() -> Checkpoints.open(dir))
                .hasMessage("missing key in %s: weight_map (tensor names to files; copy the file again)", index);
        model.file(index.getFileName().toString(), "{\"weight_map\": {\"a\": \"../x.safetensors\"}}");
        assertThatThrownBy(() -> Checkpoints.open(dir))
                .hasMessage(
                        "bad shard name in %s: \"../x.safetensors\" (a *.safetensors file of the same directory; copy"
                                + " the file again)",
                        index);
        model.file(index.getFileName().toString(), "{\"weight_map\": {\"a\": \"x.safetensors\"}}");
        assertThatThrownBy(() -> Checkpoints.open(dir))
                .hasMessage(
                        "missing shard: %s (named in model.safetensors.index.json; copy it there)",
                        dir.resolve("x.safetensors"));
        new SafetensorsFile().fp32("b", "[1]", 1).write(dir.resolve("x.safetensors"));
        assertThatThrownBy(() -> Checkpoints.open(dir))
                .isInstanceOf(UserError.class)
                .hasMessage(
                        "missing tensor in %s: a (expected there by model.safetensors.index.json; copy both files"
                                + " again)",
                        dir.resolve("x.safetensors"));
    }

    @Test
    void weightsOfAnotherModel() {
        ModelDir.of(dir, "llama").write();
        new SafetensorsFile().fp32("model.norm.weight", "[1]", 1).write(dir.resolve("model.safetensors"));
        try (Checkpoint checkpoint = Checkpoints.open(dir)) {
            assertThatThrownBy(() -> Checkpoints.checkTensors(checkpoint))
                    .isInstanceOf(UserError.class)
                    .hasMessageContaining(dir.toString())
                    .hasMessageEndingWith("; config.json and weights do not belong together; copy both again)");
        }
    }
}
