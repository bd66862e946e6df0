package nighttrain.io.text;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Unpacks the tokenizer's native library in several processes that start at once on one machine. */
class NativeLibraryTest {
    @TempDir
    Path dir;

    /** Main class of a child. */
    public static final class Child {
        private Child() {}

        public static void main(String[] arguments) {
            try (Tokenizer tokenizer = Tokenizer.open(Path.of(arguments[0]))) {
                System.out.print(tokenizer.decode(tokenizer.encode("héllo", false)));
                System.out.print(" offline=" + System.getProperty("ai.djl.offline"));
                System.out.print(" flavor=" + System.getProperty("RUST_FLAVOR"));
            }
        }
    }

    @BeforeEach
    void model() throws IOException {
        TestTokenizers.byteLevel(dir);
    }

    @Test
    void processesThatStartTogether() throws IOException, InterruptedException {
        List<Process> children = new ArrayList<>();
        for (int i = 0; i < 3; i++) {
            children.add(start("cache"));
        }
        for (Process child : children) {
            assertWorks(child);
        }
    }

    @Test
    void processesThatSeeGpusAndThatSeeNone() throws IOException, InterruptedException {
        assertWorks(start("cache"));
        assertWorks(start("cache", "CUDA_VISIBLE_DEVICES", "-1"));
        assertWorks(start("cache"));
    }

    @Test
    void aFolderThatTheBindingLeftWhereItSawAGpu() throws IOException, InterruptedException {
        assertWorks(start("cache", "CUDA_VISIBLE_DEVICES", "-1"));
        Path unpacked = library(dir.resolve("cache")).getParent();
        Path ofSm90 =
                dir.resolve("old/tokenizers").resolve(unpacked.getFileName()).resolve("90");
        Files.createDirectories(ofSm90);
        assertWorks(start("old", "CUDA_VISIBLE_DEVICES", "-1"));
    }

    private static Path library(Path cache) throws IOException {
        try (Stream<Path> files = Files.walk(cache)) {
            return files.filter(Files::isRegularFile).findFirst().orElseThrow();
        }
    }

    private static void assertWorks(Process child) throws IOException, InterruptedException {
        assertThat(child.waitFor(60, TimeUnit.SECONDS)).as("in time").isTrue();
        assertThat(child.inputReader().readLine()).isEqualTo("h\u00e9llo offline=true flavor=cpu");
        assertThat(child.exitValue()).isZero();
    }

    private Process start(String cache, String... environment) throws IOException {
        ProcessBuilder builder = new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xmx256m",
                "-XX:-UsePerfData", // JVMs that start at once may warn of it on stdout
                "-Dstdout.encoding=UTF-8",
                "-Dfile.encoding=UTF-8",
                "-cp",
                System.getProperty("surefire.test.class.path", System.getProperty("java.class.path")),
                Child.class.getName(),
                dir.toString());
        builder.environment().remove("RUST_FLAVOR");
        builder.environment().put("DJL_CACHE_DIR", dir.resolve(cache).toString());
        for (int i = 0; i < environment.length; i += 2) {
            builder.environment().put(environment[i], environment[i + 1]);
        }
        return builder.redirectError(ProcessBuilder.Redirect.DISCARD).start();
    }
}
