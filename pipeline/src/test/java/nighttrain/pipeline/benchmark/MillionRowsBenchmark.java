package nighttrain.pipeline.benchmark;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** {@link MillionRows} in a process of its own with a heap of 1 GiB. */
@Tag("benchmark")
class MillionRowsBenchmark {
    private static final long ROWS = 1_000_000;
    private static final long MINUTES = 20;

    @TempDir
    private Path dir;

    @Test
    @Timeout(value = MINUTES, unit = TimeUnit.MINUTES)
    void aMillionRowsInOneGibibyte() throws IOException, InterruptedException {
        List<String> command = new ArrayList<>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        ManagementFactory.getRuntimeMXBean().getInputArguments().stream()
                .filter(flag -> flag.startsWith("--add-") || flag.startsWith("-XX:+Ignore"))
                .forEach(command::add);
        command.addAll(List.of("-Xmx1g", "-Dio.netty.tryReflectionSetAccessible=true", "-cp", classPath()));
        command.addAll(List.of(MillionRows.class.getName(), dir.toString(), String.valueOf(ROWS)));
        Process process = new ProcessBuilder(command).inheritIO().start();
        assertThat(process.waitFor()).isZero();
    }

    private static String classPath() {
        return System.getProperty("surefire.test.class.path", System.getProperty("java.class.path"));
    }
}
