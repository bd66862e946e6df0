package nighttrain.jobs;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.junit.jupiter.api.io.TempDir;

/**
 * Tests a job on a disk that is really full and later has room: an in-memory file system that only the command's own processes see. Runs with {@code
 * -Dnighttrain.soak}, since it takes two runs of the command, and is skipped where no file system can be mounted.
 */
@EnabledIfSystemProperty(named = "nighttrain.soak", matches = "\\d+")
class FullDiskIT {
    private static final Duration PATIENCE = Duration.ofMinutes(4);
    private static final String OUT_OF_ROOM_THEN_NOT = """
            out=$1 copy=$2; shift 2
            mount -t tmpfs -o size=128k none "$out" || exit
            "$@"; echo "exit code $?"
            mount -o remount,size=64m "$out"
            "$@"; echo "exit code $?"
            cp -r "$out/." "$copy"
            """;

    @TempDir
    Path folder;

    @Test
    @Timeout(300)
    void endsTheJobInOneLineAndLosesNothing() throws Exception {
        assumeThat(canMount()).as("a file system can be mounted here").isTrue();
        Path output = Files.createDirectory(folder.resolve("out"));
        Path copy = Files.createDirectory(folder.resolve("copy"));
        List<String> command = new ArrayList<>(List.of("unshare", "-rm", "sh", "-c", OUT_OF_ROOM_THEN_NOT, "sh"));
        command.addAll(List.of(output.toString(), copy.toString(), Project.LAUNCHER.toString()));
        List<String> options = new ArrayList<>(TinyModel.OPTIONS);
        options.addAll(List.of("--id-column", "id", "--max-tokens", "16"));
        command.addAll(List.of(Demo.command(
                TinyModel.in(folder.resolve("model")), Project.DEMO_PROMPTS, output, options.toArray(String[]::new))));

        try (CommandProcess process = CommandProcess.start(folder, TinyModel.environment(folder), command)) {
            assertThat(process.await(PATIENCE)).as(process.messages()).isZero();
            assertThat(process.messages())
                    .containsOnlyOnce("cannot ")
                    .containsPattern(
                            "(?m)^cannot (write|end).*No space left on device.*make room.*, then run the same command again,"
                                    + " which computes only what is not finished\\)$")
                    .doesNotContain("Exception");
            assertThat(process.out())
                    .startsWith("exit code 1\n500 rows, 0 errors in ")
                    .containsPattern("\\([1-9]\\d* from earlier runs\\)")
                    .endsWith("exit code 0\n");
        }
        assertThat(Results.ids(copy)).hasSize(500).doesNotHaveDuplicates();
    }

    private static boolean canMount() throws Exception {
        Process process = new ProcessBuilder("unshare", "-rm", "mount", "-t", "tmpfs", "none", "/tmp").start();
        return process.waitFor(10, TimeUnit.SECONDS) && process.exitValue() == 0;
    }
}
