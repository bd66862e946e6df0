package nighttrain.io.text;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The tokenizer's native library, unpacked by each of several processes that start at once on one machine. */
class NativeLibraryTest {
    @TempDir
    Path dir;

    /** What a child does. */
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

    @Test
    void processesThatStartTogether() throws IOException, InterruptedException {
        TestTokenizers.byteLevel(dir);
        List<Process> children = new ArrayList<>();
        for (int i = 0; i < 3; i++) {
            children.add(start());
        }
        for (Process child : children) {
            assertThat(child.waitFor(60, TimeUnit.SECONDS)).as("in time").isTrue();
            assertThat(child.inputReader().readLine()).isEqualTo("h\u00e9llo offline=true flavor=cpu");
            assertThat(child.exitValue()).isZero();
        }
    }

    private Process start() throws IOException {
        ProcessBuilder builder = new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xmx256m",
                "-XX:-UsePerfData", // processes that start together may warn of it, on stdout
                "-Dstdout.encoding=UTF-8",
                "-Dfile.encoding=UTF-8",
                "-cp",
                System.getProperty("surefire.test.class.path", System.getProperty("java.class.path")),
                Child.class.getName(),
                dir.toString());
        builder.environment().remove("RUST_FLAVOR");
        builder.environment().put("DJL_CACHE_DIR", dir.resolve("cache").toString());
        return builder.redirectError(ProcessBuilder.Redirect.DISCARD).start();
    }
}
