package nighttrain.jobs;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import nighttrain.jobs.cli.ExitCode;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.MethodOrderer;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestMethodOrder;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Runs {@code compare} on the CPU engine with tiny models in this JVM: one comparison is inspected, then changed and resumed. */
@Timeout(60)
@TestMethodOrder(MethodOrderer.OrderAnnotation.class)
class CompareTest {
    private static final String CONFIG = """
            title: Two toys
            models: {dense: first, rival: second}
            layouts: [1x2, 2x1, 1x3]
            workloads:
              - {numPrompts: 4, inputLen: 8, inputLenSpread: 0.5, outputLen: 3}
              - {name: one, numPrompts: 2, inputLen: 6, outputLen: 2, maxConcurrency: 1}
              - {name: long, numPrompts: 1, inputLen: 510, outputLen: 3}
            settings: {loadFormat: dummy, backend: cpu, threads: 1, maxNumSeqs: 2, pageTokens: 1, repeat: 2}
            """;

    /** Workloads that fit, two models, and three layouts of engines that open: 1x2, 1x2 without all-reduces, and 2x1. */
    private static final int CELLS = 2 * 2 * 3;

    @TempDir
    static Path folder;

    private static Outcome outcome;
    private static List<Lines.Line> cells;
    private static List<Lines.Line> rounds;

    @BeforeAll
    static void run() throws IOException {
        TinyModel.in(folder.resolve("first"));
        TinyModel.in(folder.resolve("second"));
        Files.writeString(folder.resolve("toys.yaml"), CONFIG);
        outcome = compare();
        cells = Lines.of(folder.resolve("out/results/cells.parquet"));
        rounds = Lines.of(folder.resolve("out/metrics/rounds.parquet"));
    }

    @Test
    @Order(1)
    void printsALineForEveryCellAndWhatItMeans() {
        assertThat(outcome.exitCode()).isEqualTo(ExitCode.FINISHED);
        assertThat(outcome.out())
                .startsWith("Two toys (")
                .contains("\n8/3: 4 prompts, 3 tokens out, 2 rounds\n")
                .containsPattern("  1x2 +dense +[\\d,.]+ +[\\d,.]+ - [\\d,.]+ +1\\.00 ")
                .containsPattern("  2x1 +rival +[\\d,.]+ ")
                .contains("  1x3    dense         bad value of --ranks: 3 (must divide the model's 2 tracks;")
                .contains("  1x2    dense         prompt and output too long: 513 tokens (at most 512,")
                .containsPattern("  8/3: (rival is fastest|no model is shown to be faster)")
                .contains("  output    " + folder.resolve("out") + " (results, metrics, report.html)");
        assertThat(measured(outcome))
                .hasSize(2 * CELLS)
                .last()
                .asString()
                .startsWith(2 * CELLS + " of " + 2 * CELLS + "  ");
        assertThat(outcome.messages())
                .contains(
                        "left out  dense 1x3, 8/3 and one and long: bad value of --ranks: 3 (must divide the model's 2"
                                + " tracks; choose a divisor or leave --ranks out)");
    }

    @Test
    @Order(1)
    void everyEngineIsAskedTheSame() {
        for (String load : List.of("8/3", "one")) {
            assertThat(rounds)
                    .filteredOn(round -> round.text("workload").equals(load))
                    .hasSize(CELLS)
                    .extracting(round -> round.whole("prompt_tokens"))
                    .containsOnly(rounds.stream()
                            .filter(round -> round.text("workload").equals(load))
                            .findFirst()
                            .orElseThrow()
                            .whole("prompt_tokens"));
        }
        assertThat(rounds)
                .allSatisfy(
                        round -> assertThat(round.whole("cached_prompt_tokens")).isZero());
    }

    @Test
    @Order(1)
    void roundsAreInterleaved() {
        List<String> first = order(1);

        assertThat(order(2)).isEqualTo(first);
        assertThat(rounds).extracting(round -> round.whole("round")).isSorted();
        assertThat(first.stream().distinct().toList())
                .containsExactly(
                        "dense 1x2", "dense 1x2 bound", "rival 1x2", "rival 1x2 bound", "dense 2x1", "rival 2x1");
    }

    /** The folder of a job keeps its results alone. */
    @Test
    @Order(1)
    void theFolderOfAJobIsRefused() throws IOException {
        Path job = folder.resolve("job");
        Files.createDirectories(job.resolve("_nighttrain"));
        Files.writeString(job.resolve("_nighttrain/job.json"), "{\"input\": \"1 file\", \"seed\": \"0\"}");
        Files.writeString(job.resolve("summary.json"), "{}");

        for (String overwrite : List.of("", "--overwrite")) {
            Outcome refused = Outcome.of(Stream.of(
                            "compare",
                            "--config",
                            folder.resolve("toys.yaml").toString(),
                            "--output",
                            job.toString(),
                            overwrite)
                    .filter(word -> !word.isEmpty())
                    .toArray(String[]::new));
            assertThat(refused.messages())
                    .containsExactly("no comparison is in the output: file:" + job
                            + " (a job wrote its results there; choose another --output)");
            assertThat(refused.exitCode()).isEqualTo(ExitCode.BAD_INPUT);
        }
        assertThat(job).isDirectoryContaining("glob:**summary.json").isDirectoryNotContaining("glob:**results");
    }

    private static List<String> order(long number) {
        return rounds.stream()
                .filter(round -> round.whole("round") == number)
                .map(round -> round.text("model") + " " + round.text("layout")
                        + (round.truth("without_sums") ? " bound" : ""))
                .toList();
    }

    @Test
    @Order(1)
    void ratiosAreThoseOfTheMedians() {
        Lines.Line base = cell("dense", "1x2", false);
        Lines.Line rival = cell("rival", "1x2", false);
        String rate = "output_tokens_per_s";

        assertThat(base.number("of_baseline")).isEqualTo(1.0);
        assertThat(rival.number("of_baseline") * base.number(rate)).isCloseTo(rival.number(rate), within(1e-6));
        assertThat(rival.number("of_bound") * cell("rival", "1x2", true).number(rate))
                .isCloseTo(rival.number(rate), within(1e-6));
        assertThat(rival.number(rate)).isBetween(rival.number(rate + "_min"), rival.number(rate + "_max"));
        assertThat(cell("dense", "2x1", false).has("of_bound")).isFalse();
        assertThat(rival.whole("rounds")).isEqualTo(2);
    }

    @Test
    @Order(1)
    void sumsTakeTime() {
        assertThat(cell("dense", "1x2", false).number("comm_share")).isPositive();
    }

    @Test
    @Order(1)
    void whatCannotWorkIsToldInItsCell() {
        assertThat(cells).hasSize(3 * 2 * (2 + 1 + 2));
        assertThat(cell("dense", "1x3", false).text("error")).startsWith("bad value of --ranks: 3 (must divide");
        assertThat(cell("dense", "1x3", false).has("output_tokens_per_s")).isFalse();
    }

    @Test
    @Order(1)
    void whereNothingWorksEveryCellSaysWhy() throws IOException {
        Path nothing = folder.resolve("nothing");

        Outcome failed = Outcome.of(
                "compare",
                "--config",
                folder.resolve("toys.yaml").toString(),
                "--output",
                nothing.toString(),
                "--layouts",
                "1x3");

        assertThat(failed.exitCode()).isEqualTo(ExitCode.TOO_MANY_ROW_ERRORS);
        assertThat(failed.out()).contains("  1x3    rival         bad value of --ranks: 3 (must divide");
        assertThat(Lines.of(nothing.resolve("results/cells.parquet")))
                .filteredOn(cell -> cell.text("layout").equals("1x3"))
                .isNotEmpty()
                .allMatch(cell -> cell.text("error").startsWith("bad value of --ranks: 3"));
        assertThat(nothing.resolve("report.html")).exists();
    }

    @Test
    @Order(1)
    void aSettingThatNoModelHasAUseForIsRefused() throws IOException {
        Path output = folder.resolve("useless");
        Path config = Files.writeString(
                folder.resolve("useless.yaml"), CONFIG.replace("settings: {", "settings: {stateDtype: bf16, "));

        Outcome refused = Outcome.of("compare", "--config", config.toString(), "--output", output.toString());

        assertThat(refused.exitCode()).isEqualTo(ExitCode.BAD_INPUT);
        assertThat(refused.messages())
                .containsExactly(
                        "bad value of --state-dtype: bf16 (it is for recurrent layers, of which there are none; leave it out)");
        assertThat(output).doesNotExist();
    }

    @Test
    @Order(2)
    void goesOnFromItsFinishedRounds() throws IOException {
        List<Path> journal = journal();
        String kept = Files.readString(journal.get(0));
        Files.delete(journal.get(journal.size() - 1));
        Files.delete(journal.get(journal.size() - 2));

        Outcome again = compare();

        assertThat(again.exitCode()).isEqualTo(ExitCode.FINISHED);
        assertThat(measured(again)).hasSize(2);
        assertThat(Files.readString(journal.get(0))).isEqualTo(kept);
        assertThat(Lines.of(folder.resolve("out/metrics/rounds.parquet"))).hasSize(2 * CELLS);
        assertThat(measured(compare())).isEmpty();
    }

    @Test
    @Order(3)
    void maySumUpOfParts() throws IOException {
        Files.writeString(
                folder.resolve("toys.yaml"),
                CONFIG.replace(
                        "  - {name: long",
                        "  - {name: more, numPrompts: 1, inputLen: 4, outputLen: 2}\n  - {name: long"));

        Outcome part = compare("--models", "rival", "--layouts", "2x1", "--workloads", "more");

        assertThat(measured(part)).hasSize(2).allMatch(line -> line.contains("rival 2x1, more: "));
        assertThat(part.out()).contains("  1x2    dense         not measured yet");
    }

    @Test
    @Order(4)
    void anotherComparisonIsRefusedUntilItMayOverwrite() throws IOException {
        Files.writeString(folder.resolve("toys.yaml"), CONFIG.replace("maxNumSeqs: 2", "maxNumSeqs: 3"));

        Outcome refused = compare();

        assertThat(refused.exitCode()).isEqualTo(ExitCode.BAD_INPUT);
        assertThat(refused.messages())
                .containsExactly(
                        "another comparison is in the output: file:" + folder.resolve("out")
                                + " (changed: maxNumSeqs 2 -> 3; set these back to go on with it, use --overwrite to delete it and start anew, or choose another --output)");
        Outcome over = compare("--overwrite", "--workloads", "one", "--layouts", "2x1");
        assertThat(over.exitCode()).isEqualTo(ExitCode.FINISHED);
        assertThat(journal()).hasSize(4);
    }

    private static Outcome compare(String... options) {
        String[] all = Stream.concat(
                        Stream.of(
                                "compare",
                                "--config",
                                folder.resolve("toys.yaml").toString(),
                                "--output",
                                folder.resolve("out").toString()),
                        Stream.of(options))
                .toArray(String[]::new);
        return Outcome.of(all);
    }

    private static List<String> measured(Outcome outcome) {
        return outcome.messages().stream()
                .filter(line -> line.endsWith(" output tokens/s"))
                .toList();
    }

    private static List<Path> journal() throws IOException {
        try (Stream<Path> files = Files.list(folder.resolve("out/_nighttrain/rounds"))) {
            return files.filter(file -> !file.getFileName().toString().startsWith("."))
                    .sorted()
                    .toList();
        }
    }

    private static Lines.Line cell(String model, String layout, boolean bound) {
        return cells.stream()
                .filter(cell -> cell.text("model").equals(model)
                        && cell.text("layout").equals(layout)
                        && cell.truth("without_sums") == bound
                        && cell.text("workload").equals("8/3"))
                .findFirst()
                .orElseThrow();
    }
}
