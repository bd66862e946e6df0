package nighttrain.jobs;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import nighttrain.jobs.cli.ExitCode;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** {@code bench} refuses bad input with one line and exit code 2; it measures nothing and writes nothing. */
@Timeout(30)
class BenchBadInputTest {
    @TempDir
    Path folder;

    private Path model;

    @BeforeEach
    void makeModel() throws Exception {
        model = TinyModel.in(folder.resolve("model"));
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "--num-prompts 0          | bad value of --num-prompts: 0 (at least 1; leave it out for 128)",
                "--num-prompts many       | bad value of --num-prompts: many (a whole number; leave it out for 128)",
                "--input-len 0            | bad value of --input-len: 0 (at least 1; leave it out for 128)",
                "--output-len -1          | bad value of --output-len: -1 (at least 1; leave it out for 128)",
                "--input-len-spread 1.5   | bad value of --input-len-spread: 1.5 (0 to 1, a share of --input-len; leave it out for prompts of one length)",
                "--input-len-spread NaN   | bad value of --input-len-spread: NaN (a number; leave it out for 0.0)",
                "--warmup -1              | bad value of --warmup: -1 (at least 0; leave it out for 1)",
                "--repeat 0               | bad value of --repeat: 0 (at least 1; leave it out for 3)",
                "--seed x                 | bad value of --seed: x (a whole number; leave it out for 0)",
                "--ranks 3                | bad value of --ranks: 3 (must divide the model's 2 tracks; choose a divisor or leave --ranks out)",
                "--max-num-seqs -1        | bad value of --max-num-seqs: -1 (at least 0; leave it out to have it chosen)",
                "--state-dtype bf16       | bad value of --state-dtype: bf16 (it is for recurrent layers, of which there are none; leave it out)",
                "--dtype bf16             | bad value of --dtype: bf16 (the CPU computes in fp32; leave --dtype out, bf16 checkpoints are read all the same)",
                "--input-len 500 --output-len 13 | prompt and output too long: 513 tokens (at most 512, the model's context being 512; lower --input-len or --output-len)",
                "--max-model-len 60 --input-len 40 --input-len-spread 0.5 --output-len 8 | prompt and output too long: 68 tokens (at most 60, by --max-model-len; raise it, or lower --input-len or --output-len)",
                "--input-len 2147483647 --input-len-spread 1 | prompt and output too long: 4294967422 tokens (at most 512, the model's context being 512; lower --input-len or --output-len)",
                "--output x               | unknown option: --output (an option of generate, label, compare; leave it out, or see nighttrain bench --help)",
            })
    void isToldInOneLine(String options, String message) {
        assertRefused(BenchTest.bench(model, options), message);
    }

    @Test
    void noModel() {
        assertRefused(
                Outcome.of("bench"),
                "missing option: --model (checkpoint directory, at this path on every node; give --model DIR)");
    }

    @Test
    void aModelThatIsNotThere() {
        assertRefused(
                Outcome.of("bench", "--model", folder.resolve("none").toString()),
                "model directory not found: " + folder.resolve("none")
                        + " (a local directory with config.json and *.safetensors; download the model, or check --model)");
    }

    @Test
    void aModelWithoutWeights() {
        assertRefused(
                Outcome.of("bench", "--model", model.toString()),
                "no *.safetensors in the model directory: " + model
                        + " (weights are read from safetensors; convert other formats)");
    }

    @Test
    void aFileInADirectoryThatIsNotThere() {
        Path file = folder.resolve("none/bench.json");

        assertRefused(
                BenchTest.bench(model, "--json " + file),
                "cannot write the file of --json: " + file + " (its directory must be there; make it)");
        assertThat(file.getParent()).doesNotExist();
    }

    @Test
    void aFileThatIsADirectory() {
        assertRefused(
                BenchTest.bench(model, "--json " + folder),
                "cannot write the file of --json: " + folder + " (a file that may be written; choose another)");
    }

    @Test
    void whatIsRefusedLeavesAnOldFileAlone() throws Exception {
        Path file = Files.writeString(folder.resolve("bench.json"), "old");

        BenchTest.bench(model, "--num-prompts 0 --json " + file);

        assertThat(file).hasContent("old");
    }

    private static void assertRefused(Outcome outcome, String message) {
        assertThat(outcome.messages()).containsExactly(message);
        assertThat(outcome.exitCode()).isEqualTo(ExitCode.BAD_INPUT);
        assertThat(outcome.out()).isEmpty();
    }
}
