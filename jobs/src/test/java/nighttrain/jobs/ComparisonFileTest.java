package nighttrain.jobs;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import nighttrain.io.UserError;
import nighttrain.io.text.Tokenizer;
import nighttrain.jobs.bench.Workload.FixedPrompts;
import nighttrain.jobs.bench.Workload.RandomWorkload;
import nighttrain.jobs.cli.ExitCode;
import nighttrain.jobs.compare.Cell.Visit;
import nighttrain.jobs.compare.Comparison;
import nighttrain.jobs.compare.Comparison.Candidate;
import nighttrain.jobs.compare.ComparisonFile;
import nighttrain.jobs.compare.NamedWorkload;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Tests the comparison file: what is parsed from it and what is refused. */
class ComparisonFileTest {
    private static final String WHOLE = """
            models: {dense: a, track: ../b}
            layouts: [1x4, 4x1]
            workloads:
              - {numPrompts: 256, inputLen: 1024, outputLen: 128}
              - {inputLen: 64, outputLen: 8, maxConcurrency: 1}
            settings: {loadFormat: dummy, maxNumSeqs: 64, repeat: 5, seed: 7}
            """;

    @TempDir
    Path folder;

    @Test
    void namesWhatIsNotNamed() {
        Comparison comparison = read(WHOLE);

        assertThat(comparison.name()).isEqualTo("toys");
        assertThat(comparison.title()).isEqualTo("toys");
        assertThat(comparison.candidates())
                .containsExactly(
                        new Candidate("dense", folder.resolve("a")),
                        new Candidate("track", folder.resolveSibling("b")));
        assertThat(comparison.workloads())
                .containsExactly(
                        new NamedWorkload("1024/128", new RandomWorkload(256, 1024, 0, 128, 0, 7)),
                        new NamedWorkload("64/8 batch 1", new RandomWorkload(128, 64, 0, 8, 1, 7)));
        assertThat(comparison.measuring().engine().steps().maxNumSeqs()).isEqualTo(64);
        assertThat(comparison.measuring().rounds()).isEqualTo(5);
    }

    @Test
    void boundsAreOfLayoutsWithSeveralRanks() {
        assertThat(read(WHOLE).visits())
                .extracting(Visit::toString)
                .containsExactly(
                        "dense 1x4",
                        "dense 1x4 without all-reduces",
                        "track 1x4",
                        "track 1x4 without all-reduces",
                        "dense 4x1",
                        "track 4x1");
        assertThat(read(WHOLE + "bound: false").visits()).hasSize(4);
    }

    @Test
    void aTablesPromptsAreEncodedOnce() {
        Comparison comparison = read(WHOLE.replace(
                "  - {inputLen: 64,",
                "  - {table: %s, tokenizer: %s, numPrompts: 3, outputLen: 9}\n  - {inputLen: 64,"
                        .formatted(Project.DEMO_PROMPTS, Project.DEMO_MODEL)));

        FixedPrompts prompts = (FixedPrompts) comparison.workloads().get(1).workload();
        assertThat(comparison.workloads().get(1).name()).isEqualTo("prompts.parquet/9");
        assertThat(prompts.tokens()).hasSize(3);
        try (Tokenizer tokenizer = Tokenizer.open(Project.DEMO_MODEL)) {
            assertThat(tokenizer.decode(prompts.tokens().get(2))).contains("Hello support, I paid $642.00");
        }
        assertThat(prompts.longest()).isGreaterThan(50);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "models:            | model:             | unknown key in FILE: model (known are title, models, layouts, workloads, settings, bound, published; mend it)",
                "layouts: [1x4, 4x1]| layouts: [4]       | bad layout: 4 (replicas x ranks; write for example 1x4 or 4x1)",
                "layouts: [1x4, 4x1]| layouts: []        | nothing in FILE: layouts (a list of at least one is expected; see conf/compare)",
                "layouts: [1x4, 4x1]| title: x           | missing in FILE: layouts (see conf/compare for examples; add it)",
                "inputLen: 1024     | inputLength: 1024  | unknown key in workloads of FILE: inputLength (known are name, numPrompts, inputLen, inputLenSpread, outputLen, maxConcurrency; mend it)",
                "numPrompts: 256    | numPrompts: 0      | bad value of --num-prompts: 0 (at least 1; leave it out for 128)",
                "inputLen: 64       | inputLen: 64, name: 1024/128 | two workloads of one name: 1024/128 (in FILE; give one a name: of its own)",
                "layouts:           | bound: yes\\nlayouts:     | bad value of bound in FILE: \"yes\" (true or false; mend it)",
                "layouts:           | title: [x]\\nlayouts:     | bad value of title in FILE: [\"x\"] (a text or a number; mend it)",
                "dense: a           | dense: [a]         | bad value of dense in models of FILE: [\"a\"] (a text or a number; mend it)",
                "layouts: [1x4, 4x1]| layouts: [[1x4]]   | bad value of layouts in FILE: [\"1x4\"] (a text or a number; mend it)",
                "layouts:           | published: [x]\\nlayouts: | no such published table: x (in published.yaml beside FILE; choose one of [])",
            })
    void refuses(String before, String after, String message) {
        String text = WHOLE.replace(before, after.replace("\\n", "\n"));

        assertThatThrownBy(() -> read(text))
                .isInstanceOf(UserError.class)
                .hasMessage(message.replace("FILE", folder.resolve("toys.yaml").toString()));
    }

    @Test
    void layoutsAndModelsAreNoSettings() {
        assertThatThrownBy(() -> read(WHOLE.replace("seed: 7", "ranks: 2")))
                .hasMessageStartingWith(
                        "unknown key in settings of " + folder.resolve("toys.yaml") + ": ranks (known are ");
    }

    @Test
    void saysHowItIsUsed() {
        Outcome without = Outcome.of("compare");
        assertThat(without.exitCode()).isEqualTo(ExitCode.BAD_INPUT);
        assertThat(without.messages())
                .containsExactly("missing option: --config (what to compare; see conf/compare for examples)");

        Outcome nowhere = Outcome.of("compare", "--config", "nowhere.yaml");
        assertThat(nowhere.messages())
                .containsExactly(
                        "cannot read the comparison: nowhere.yaml (a local text file in UTF-8; check its path)");
    }

    @Test
    void refusesNamesThatTheComparisonDoesNotHave() throws IOException {
        Path file = Files.writeString(folder.resolve("toys.yaml"), WHOLE);

        Outcome outcome = Outcome.of(
                "compare",
                "--config",
                file.toString(),
                "--output",
                folder.resolve("out").toString(),
                "--models",
                "dense,kraken");

        assertThat(outcome.messages())
                .isEqualTo(List.of("bad value of --models: kraken (the comparison has dense, track; choose of these)"));
        assertThat(folder.resolve("out")).doesNotExist();
    }

    private Comparison read(String text) {
        try {
            return ComparisonFile.read(Files.writeString(folder.resolve("toys.yaml"), text));
        } catch (IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
    }
}
