package nighttrain.executor;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Results on the CPU have the same bits whether the code is interpreted, compiled by C1 or by C2, or by all of them in turn. Each mode
 * runs in its own process. Interpreted code and C1 code run {@code PlainLoops}, C2 code runs {@code VectorLoops}.
 */
class BytecodeModesTest {
    private static final String OPERATIONS = "nighttrain.executor.device.cpu.ModeBits";
    private static final List<String> INTERPRETED = List.of("-Xint");
    private static final List<String> C1 = List.of("-XX:TieredStopAtLevel=1");
    private static final List<String> C2 = List.of("-XX:-TieredCompilation");
    private static final List<String> TIERED = List.of("-XX:TieredStopAtLevel=4");

    @TempDir
    Path folder;

    @Test
    void operations() throws Exception {
        List<String> interpreted = run(INTERPRETED, OPERATIONS, "1");
        assertThat(interpreted).hasSizeGreaterThan(30);
        assertThat(run(C1, OPERATIONS, "40")).isEqualTo(interpreted);
        assertThat(run(TIERED, OPERATIONS, "400")).isEqualTo(interpreted);
    }

    /** The models cover RMS norm, rotary embedding, SwiGLU; layer norm, GELU; parallel blocks; experts, attention sinks; delta nets, gates. */
    @ParameterizedTest
    @ValueSource(strings = {"llama-gqa", "phi", "gpt-oss", "qwen3_5"})
    void engines(String name) throws Exception {
        String[] arguments = {Goldens.checkpoint(name).toString(), "3", "golden"};
        List<String> interpreted = run(INTERPRETED, EngineBits.class.getName(), arguments);
        assertThat(interpreted).hasSize(Goldens.of(name).size());
        assertThat(run(C1, EngineBits.class.getName(), arguments)).isEqualTo(interpreted);
        assertThat(run(C2, EngineBits.class.getName(), arguments)).isEqualTo(interpreted);
    }

    /**
     * Generates from the demo's first 50 prompts until the model ends each text: {@code mvn -pl executor-gpu -am test -Dtest=BytecodeModesTest
     * -Dgroups=benchmark -Dsurefire.failIfNoSpecifiedTests=false}. The interpreted run takes minutes.
     */
    @Test
    @Tag("benchmark")
    @Timeout(value = 1, unit = TimeUnit.HOURS)
    void demo() throws Exception {
        Path root = Path.of(System.getProperty("nighttrain.root"));
        String[] arguments = {
            root.resolve("conf/demo/model").toString(),
            "256",
            Path.of(BytecodeModesTest.class
                            .getResource("/demo-prompt-tokens.txt")
                            .toURI())
                    .toString()
        };
        List<String> compiled = run(TIERED, EngineBits.class.getName(), arguments);
        assertThat(compiled).hasSize(50);
        assertThat(run(C1, EngineBits.class.getName(), arguments)).isEqualTo(compiled);
        assertThat(run(C2, EngineBits.class.getName(), arguments)).isEqualTo(compiled);
        assertThat(run(3000, INTERPRETED, EngineBits.class.getName(), arguments))
                .isEqualTo(compiled);
    }

    private List<String> run(List<String> flags, String main, String... arguments)
            throws IOException, InterruptedException {
        return run(100, flags, main, arguments);
    }

    private List<String> run(int mostSeconds, List<String> flags, String main, String... arguments)
            throws IOException, InterruptedException {
        Path out = Files.createTempFile(folder, "out", ".txt");
        Path err = Files.createTempFile(folder, "err", ".txt");
        List<String> command = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "--add-modules=jdk.incubator.vector",
                "-XX:+UseSerialGC",
                "-Xmx512m"));
        command.addAll(flags);
        command.addAll(List.of("-cp", classPath(), main));
        command.addAll(Arrays.asList(arguments));
        Process process = new ProcessBuilder(command)
                .redirectOutput(out.toFile())
                .redirectError(err.toFile())
                .start();
        try {
            assertThat(process.waitFor(mostSeconds, TimeUnit.SECONDS))
                    .as("%s ends", command)
                    .isTrue();
            assertThat(process.exitValue()).as(Files.readString(err)).isZero();
            return Files.readAllLines(out);
        } finally {
            process.destroyForcibly();
        }
    }

    private static String classPath() {
        String forked = System.getProperty("surefire.test.class.path");
        return forked == null ? System.getProperty("java.class.path") : forked.replace(':', File.pathSeparatorChar);
    }
}
