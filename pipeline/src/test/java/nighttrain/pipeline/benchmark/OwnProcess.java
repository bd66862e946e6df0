package nighttrain.pipeline.benchmark;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.BufferedReader;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/** Runs a main class in a process with a heap of its own; fails if the process fails. */
final class OwnProcess {
    private OwnProcess() {}

    static void run(String heap, Class<?> main, Path dir, Object... arguments)
            throws IOException, InterruptedException {
        List<String> command = new ArrayList<>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        ManagementFactory.getRuntimeMXBean().getInputArguments().stream()
                .filter(flag -> flag.startsWith("--add-") || flag.startsWith("-XX:+Ignore"))
                .forEach(command::add);
        command.addAll(List.of("-Xmx" + heap, "-Dio.netty.tryReflectionSetAccessible=true", "-cp", classPath()));
        command.addAll(List.of(main.getName(), dir.toString()));
        Stream.of(arguments).map(String::valueOf).forEach(command::add);
        ProcessBuilder process = new ProcessBuilder(command).redirectErrorStream(true);
        process.environment().put("SPARK_SCALA_VERSION", "2.13");
        process.environment().put("SPARK_HOME", LocalCluster.home(dir).toString());
        process.environment().put("SPARK_LOCAL_IP", "127.0.0.1");
        Process started = process.start();
        tell(started);
        assertThat(started.waitFor()).isZero();
    }

    /** Copies the output line by line: Surefire would treat inherited output as a damaged message and hold it back. */
    private static void tell(Process process) throws IOException {
        try (BufferedReader lines = process.inputReader()) {
            for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                System.out.println(line);
            }
        }
    }

    private static String classPath() {
        return System.getProperty("surefire.test.class.path", System.getProperty("java.class.path"));
    }
}
