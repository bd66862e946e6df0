package nighttrain.jobs;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import nighttrain.jobs.cli.ExitCode;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Runs {@code compare} in a process of its own, as users do: conf/compare/smoke.yaml to its end, and one run that is stopped midway. */
class CompareSmokeIT {
    private static final Duration PATIENCE = Duration.ofSeconds(150);
    private static final int CELLS = 2 * 7 * 3; // workloads, models, layouts; one also runs without all-reduces

    @TempDir
    Path folder;

    /** Uses the launcher's JVM and its optimizing compiler, without which the engine's matmul is too slow to use. */
    @Test
    @Timeout(200)
    void everyArchitectureIsMeasured() throws Exception {
        Map<String, String> environment =
                Map.of("NIGHTTRAIN_JAVA_OPTS", "-Xmx1g", "NIGHTTRAIN_LOG_DIR", folder.toString());
        try (CommandProcess smoke = compare(environment, Project.CONF.resolve("compare/smoke.yaml"))) {
            assertThat(smoke.await(PATIENCE)).as(smoke.messages()).isEqualTo(ExitCode.FINISHED.code());
            assertThat(smoke.messages().lines().filter(line -> line.endsWith(" output tokens/s")))
                    .hasSize(2 * CELLS);
            assertThat(smoke.out()).contains("\n  1x2    kraken ", "\n  2x1    ladder ", "\n  1x2    delayed ");
        }
        assertThat(rounds())
                .hasSize(2 * CELLS)
                .allSatisfy(
                        round -> assertThat(round.number("output_tokens_per_s")).isPositive());
        assertThat(Lines.of(folder.resolve("out/results/cells.parquet")))
                .hasSize(CELLS)
                .noneMatch(cell -> cell.has("error"));
    }

    /** {@link CompareTest} tests how the comparison resumes. */
    @Test
    @Timeout(200)
    void aStopKeepsWhatIsFinished() throws Exception {
        TinyModel.in(folder.resolve("model"));
        Path endless = Files.writeString(folder.resolve("endless.yaml"), """
                models: {toy: model}
                layouts: [1x1]
                workloads: [{numPrompts: 2, inputLen: 8, outputLen: 3}]
                settings: {loadFormat: dummy, backend: cpu, threads: 1, maxNumSeqs: 2, repeat: 2000}
                """);
        try (CommandProcess stopped = compare(TinyModel.environment(folder), endless)) {
            stopped.awaitWhileAlive(
                    "three rounds are there", PATIENCE, () -> journaled().size() >= 3);
            stopped.signal("TERM"); // background processes of a script ignore INT
            assertThat(stopped.await(PATIENCE)).as(stopped.messages()).isEqualTo(ExitCode.STOPPED.code());
            assertThat(stopped.messages())
                    .contains("Stopping. Finished rounds are kept: the same command goes on from here.");
        }
        assertThat(rounds()).hasSize(journaled().size()).hasSizeGreaterThanOrEqualTo(3);
        assertThat(folder.resolve("out/report.html")).exists();
    }

    private CommandProcess compare(Map<String, String> environment, Path config) throws IOException {
        return CommandProcess.nighttrain(
                folder,
                environment,
                "compare",
                "--config",
                config.toString(),
                "--output",
                folder.resolve("out").toString());
    }

    private List<Lines.Line> rounds() throws IOException {
        return Lines.of(folder.resolve("out/metrics/rounds.parquet"));
    }

    private Set<String> journaled() throws IOException {
        Path rounds = folder.resolve("out/_nighttrain/rounds");
        if (!Files.exists(rounds)) {
            return Set.of();
        }
        try (Stream<Path> files = Files.list(rounds)) {
            return files.map(file -> file.getFileName().toString())
                    .filter(name -> name.matches("\\d+\\.json"))
                    .collect(Collectors.toSet());
        }
    }
}
