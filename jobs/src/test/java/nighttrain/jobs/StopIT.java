package nighttrain.jobs;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import nighttrain.jobs.cli.ExitCode;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Stops the real command by a signal and by a deadline. */
class StopIT {
    private static final Duration PATIENCE = Duration.ofMinutes(2);

    @TempDir
    Path folder;

    @Test
    void endsInTime() throws Exception {
        List<String> options = new ArrayList<>(TinyModel.OPTIONS);
        options.addAll(List.of("--max-num-seqs", "1", "--max-tokens", "64", "--deadline", "2s"));
        Outcome outcome = Outcome.of(Demo.command(
                TinyModel.in(folder.resolve("model")),
                Project.DEMO_PROMPTS,
                folder.resolve("out"),
                options.toArray(String[]::new)));
        assertThat(outcome.exitCode()).isEqualTo(ExitCode.STOPPED);
        assertThat(outcome.out()).isEmpty();
        assertThat(outcome.messages())
                .last()
                .asString()
                .matches("stopped in time: \\d+ rows of 500 left \\(--deadline 2s; the same command goes on from"
                        + " here\\)");
    }

    @Test
    @Timeout(300)
    void endsInGoodOrder() throws Exception {
        JournalView journal = new JournalView(folder.resolve("out"));
        List<String> options = new ArrayList<>(TinyModel.OPTIONS);
        options.addAll(List.of("--max-num-seqs", "2", "--max-tokens", "40"));
        // To load jars, the command opens the local file system before the umask is set.
        options.addAll(List.of("--conf", "spark.jars=" + jar()));
        String[] command = Demo.command(
                TinyModel.in(folder.resolve("model")),
                Project.DEMO_PROMPTS,
                folder.resolve("out"),
                options.toArray(String[]::new));

        List<String> shell =
                new ArrayList<>(List.of("sh", "-c", "umask 027; exec \"$@\"", "sh", Project.LAUNCHER.toString()));
        shell.addAll(List.of(command));
        try (CommandProcess process = CommandProcess.start(folder, TinyModel.environment(folder), shell)) {
            process.awaitWhileAlive("a row is finished", PATIENCE, () -> journal.rows() > 0);
            process.signal("TERM"); // background processes of a script ignore INT

            assertThat(process.await(PATIENCE)).as(process.messages()).isEqualTo(ExitCode.STOPPED.code());
            assertThat(process.messages())
                    .endsWith("Stopping. Finished rows are kept: the same command goes on from here.\n")
                    .doesNotContain("failed", "Exception");
            assertThat(process.out()).isEmpty();
        }
        assertThat(journal.rows()).isPositive().isLessThan(500);
        obeysTheUmask(folder.resolve("out"));
    }

    private static Path jar() throws URISyntaxException {
        return Path.of(
                Test.class.getProtectionDomain().getCodeSource().getLocation().toURI());
    }

    /** Checks the effect of the umask 027: the group may read, but others, who may read under Hadoop's default of 022, may not. */
    private static void obeysTheUmask(Path output) throws IOException {
        try (Stream<Path> all = Files.walk(output)) {
            assertThat(all.toList())
                    .hasSizeGreaterThan(3)
                    .allSatisfy(path -> assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(path)))
                            .as(path.toString())
                            .isEqualTo(Files.isDirectory(path) ? "rwxr-x---" : "rw-r-----"));
        }
    }
}
