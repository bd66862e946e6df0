package nighttrain.jobs;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import nighttrain.jobs.cli.ExitCode;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Models that cannot run end the command with one line and exit code 2, and nothing is written. */
class BadModelIT {
    @TempDir
    Path folder;

    @Test
    void missingDirectory() {
        assertRefused(
                folder.resolve("model"),
                "model directory not found: MODEL (a local directory with config.json and *.safetensors; download the model, or check --model)");
    }

    @Test
    void emptyDirectory() throws IOException {
        assertRefused(
                Files.createDirectory(folder.resolve("model")),
                "model directory is empty: MODEL (a local directory with config.json and *.safetensors; download the model, or check --model)");
    }

    @Test
    void noTokenizer() throws IOException {
        ModelCopy model = ModelCopy.in(folder.resolve("model"));
        model.delete("tokenizer.json");

        assertRefused(
                model.dir(),
                "no tokenizer.json in the model directory: MODEL (needed beside the weights; copy it from where the model came from)");
    }

    @Test
    void truncatedWeights() throws IOException {
        ModelCopy model = ModelCopy.in(folder.resolve("model"));
        model.truncateWeights(100_000);

        assertRefused(
                model.dir(),
                "truncated safetensors file: MODEL/model.safetensors (expected at least 9880752 bytes, found 100000; copy the file again)");
    }

    @Test
    void noWeights() throws IOException {
        ModelCopy model = ModelCopy.in(folder.resolve("model"));
        model.delete(ModelCopy.WEIGHTS);

        assertRefused(
                model.dir(),
                "no *.safetensors in the model directory: MODEL (weights are read from safetensors; convert other formats)");
    }

    @Test
    void aTensorOfAnotherShape() throws IOException {
        ModelCopy model = ModelCopy.in(folder.resolve("model"));
        model.editConfig(config -> config.replace("\"intermediate_size\": 256", "\"intermediate_size\": 320"));

        assertRefused(
                model.dir(),
                "wrong shape of tensor model.tracks.0.layers.0.mlp.down_proj.weight in MODEL/model.safetensors: [128, 256] (expected [128, 320]; config.json and weights do not belong together; copy both again)");
    }

    @Test
    void aMissingTensor() throws IOException {
        ModelCopy model = ModelCopy.in(folder.resolve("model"));
        model.editHeader(header -> header.replaceFirst("model\\.norm\\.weight", "model.gnome.weigh"));

        assertRefused(
                model.dir(),
                "missing tensor in MODEL: model.norm.weight (expected shape [128]; config.json and weights do not belong together; copy both again)");
    }

    @Test
    void anUnknownElementType() throws IOException {
        ModelCopy model = ModelCopy.in(folder.resolve("model"));
        model.editHeader(header -> header.replace("\"BF16\"", "\"I16\" "));

        assertRefused(
                model.dir(),
                "unknown dtype of tensor model.embed_tokens.weight in MODEL/model.safetensors: I16 (F32, F16, BF16, F8_E4M3 are supported; use the model's unquantised checkpoint or one published in fp8)");
    }

    @Test
    void anUnknownModelType() throws IOException {
        ModelCopy model = ModelCopy.in(folder.resolve("model"));
        model.editConfig(config -> config.replace("\"parallel_track\"", "\"mamba\""));

        Outcome outcome = Outcome.of(Demo.command(model.dir(), Project.DEMO_PROMPTS, folder.resolve("out")));

        // BadConfigTest in io checks the whole list.
        assertThat(outcome.messages())
                .singleElement()
                .asString()
                .startsWith("unknown model_type in " + model.dir() + "/config.json: mamba (known are llama, mistral, ")
                .endsWith("; choose such a model)");
        assertThat(outcome.exitCode()).isEqualTo(ExitCode.BAD_INPUT);
    }

    @Test
    void ranksThatDoNotDivideTracks() {
        assertRefused(
                Project.DEMO_MODEL,
                "bad value of --ranks: 3 (must divide the model's 4 tracks; choose a divisor or leave --ranks out)",
                "--ranks",
                "3");
    }

    /** The model can be used: the job runs, and the terminal shows the warning once. */
    @Test
    void aHeadOfItsOwnThoughTiedIsUsedWithAWarning() throws IOException {
        ModelCopy model = ModelCopy.in(folder.resolve("model"));
        model.addTensor("lm_head.weight", 1536, 128);

        Outcome outcome = Outcome.of(Demo.command(
                model.dir(), Project.DEMO_PROMPTS, folder.resolve("out"), "--limit", "1", "--max-tokens", "1"));

        assertThat(outcome.messages()) // a slow machine also prints progress
                .filteredOn(line -> line.startsWith("warning"))
                .containsExactly("warning: head of its own in " + model.dir()
                        + ": lm_head.weight (differs from model.embed_tokens.weight though tie_word_embeddings is true;"
                        + " it is used, as transformers does)");
        assertThat(outcome.exitCode()).isEqualTo(ExitCode.FINISHED);
    }

    private void assertRefused(Path model, String message, String... options) {
        Path output = folder.resolve("out");

        Outcome outcome = Outcome.of(Demo.command(model, Project.DEMO_PROMPTS, output, options));

        assertThat(outcome.messages()).containsExactly(message.replace("MODEL", model.toString()));
        assertThat(outcome.exitCode()).isEqualTo(ExitCode.BAD_INPUT);
        assertThat(outcome.out()).isEmpty();
        assertThat(output).doesNotExist();
    }
}
