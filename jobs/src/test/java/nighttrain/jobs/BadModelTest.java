package nighttrain.jobs;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Models that cannot be run, through the command line: one line, exit code 2, nothing written. */
class BadModelTest {
    @TempDir
    Path folder;

    @Test
    void missingDirectory() {
        assertRefused(folder.resolve("model"), "MESSAGE");
    }

    @Test
    void emptyDirectory() throws IOException {
        assertRefused(Files.createDirectory(folder.resolve("model")), "MESSAGE");
    }

    @Test
    void noTokenizer() throws IOException {
        ModelCopy model = ModelCopy.in(folder.resolve("model"));
        model.delete("tokenizer.json");

        assertRefused(model.dir(), "MESSAGE");
    }

    @Test
    void truncatedWeights() throws IOException {
        ModelCopy model = ModelCopy.in(folder.resolve("model"));
        model.truncateWeights(100_000);

        assertRefused(model.dir(), "MESSAGE");
    }

    @Test
    void noWeights() throws IOException {
        ModelCopy model = ModelCopy.in(folder.resolve("model"));
        model.delete(ModelCopy.WEIGHTS);

        assertRefused(model.dir(), "MESSAGE");
    }

    @Test
    void aTensorOfAnotherShape() throws IOException {
        ModelCopy model = ModelCopy.in(folder.resolve("model"));
        model.editConfig(config -> config.replace("\"intermediate_size\": 256", "\"intermediate_size\": 320"));

        assertRefused(model.dir(), "MESSAGE");
    }

    @Test
    void aMissingTensor() throws IOException {
        ModelCopy model = ModelCopy.in(folder.resolve("model"));
        model.editHeader(header -> header.replaceFirst("model\\.norm\\.weight", "model.gnome.weigh"));

        assertRefused(model.dir(), "MESSAGE");
    }

    @Test
    void anUnknownElementType() throws IOException {
        ModelCopy model = ModelCopy.in(folder.resolve("model"));
        model.editHeader(header -> header.replace("\"BF16\"", "\"I16\" "));

        assertRefused(model.dir(), "MESSAGE");
    }

    @Test
    void anUnknownModelType() throws IOException {
        ModelCopy model = ModelCopy.in(folder.resolve("model"));
        model.editConfig(config -> config.replace("\"parallel_track\"", "\"mamba\""));

        assertRefused(model.dir(), "MESSAGE");
    }

    @Test
    void ranksThatDoNotDivideTracks() {
        assertRefused(Project.DEMO_MODEL, "MESSAGE", "--ranks", "3");
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
