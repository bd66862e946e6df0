package nighttrain.jobs;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** conf/compare/smoke.yaml as people run it, stopped on the way by Ctrl-C. */
class CompareSmokeTest {
    private static final Duration PATIENCE = Duration.ofSeconds(150);
    private static final int CELLS = 2 * 5 * 3; // loads, models, layouts: one of them without sums, too

    @TempDir
    Path folder;

    @Test
    @Timeout(400)
    void everyArchitectureIsMeasuredThoughItWasStoppedOnTheWay() throws Exception {
        try (CommandProcess first = compare()) {
            first.awaitWhileAlive(
                    "three rounds are there", PATIENCE, () -> journaled().size() >= 3);
            first.signal("INT");
            assertThat(first.await(PATIENCE)).as(first.messages()).isEqualTo(ExitCode.STOPPED.code());
            assertThat(first.messages())
                    .contains("Stopping. Finished rounds are kept: the same command goes on from here.");
        }
        int kept = journaled().size();
        assertThat(kept).isBetween(3, 2 * CELLS - 1);
        assertThat(folder.resolve("out/report.html")).exists();

        try (CommandProcess second = compare()) {
            assertThat(second.await(PATIENCE)).as(second.messages()).isEqualTo(ExitCode.FINISHED.code());
            assertThat(second.messages().lines().filter(line -> line.endsWith(" output tokens/s")))
                    .hasSize(2 * CELLS - kept);
            assertThat(second.out()).contains("\n  1x2    kraken ", "\n  2x1    ladder ");
        }
        assertThat(Lines.of(folder.resolve("out/metrics/rounds.parquet")))
                .hasSize(2 * CELLS)
                .allSatisfy(
                        round -> assertThat(round.number("output_tokens_per_s")).isPositive());
        assertThat(Lines.of(folder.resolve("out/results/cells.parquet")))
                .hasSize(CELLS)
                .noneMatch(cell -> cell.has("error"));
    }

    /** By the launcher's JVM and its good compiler, without which the engine's matrix product is slow beyond use. */
    private CommandProcess compare() throws IOException {
        return CommandProcess.nighttrain(
                folder,
                Map.of("NIGHTTRAIN_JAVA_OPTS", "-Xmx1g", "NIGHTTRAIN_LOG_DIR", folder.toString()),
                "compare",
                "--config",
                Project.CONF.resolve("compare/smoke.yaml").toString(),
                "--output",
                folder.resolve("out").toString());
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
