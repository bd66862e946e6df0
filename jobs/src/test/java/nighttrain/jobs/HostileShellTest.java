package nighttrain.jobs;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Our shell scripts, in folders and with arguments that a shell would run or take apart if it were let: it never is. */
class HostileShellTest {
    private static final List<String> ARGUMENTS =
            List.of("--input", "a b'\"$(touch pwned)`touch pwned`;touch pwned #*", "-", "--output", "-rf", "", "\n\\");

    @TempDir
    Path dir;

    private Path home;

    @BeforeEach
    void aHostileFolder() throws IOException {
        home = Files.createDirectories(dir.resolve("-a 'b' \"c\" $(touch pwned) `touch pwned` ; [x]*"));
    }

    @Test
    void launcher() throws IOException, InterruptedException {
        Path launcher = copy("jobs/nighttrain");
        Path jar = Files.createFile(home.resolve("jar of * [y].jar"));
        write("jobs/target/classpath.txt", jar + "\n");
        write("jobs/target/jvm.options", "-Dx=1\n");
        write("jobs/target/classes/nighttrain/jobs/Main.class", "");
        executable("jdk/bin/java", "#!/bin/sh\nfor argument; do printf '%s\\0' \"$argument\"; done\n");
        List<String> said = run(
                List.of(launcher.toString()),
                Map.of("JAVA_HOME", home.resolve("jdk").toString()));
        assertThat(said)
                .endsWith(ARGUMENTS.toArray(String[]::new))
                .contains(
                        "@" + home.resolve("jobs/target/jvm.options"),
                        home.resolve("jobs/target/classes") + ":" + jar,
                        "-Dnighttrain.log=" + home + "/" + logOf(said));
    }

    private static String logOf(List<String> said) {
        String log = said.stream()
                .filter(argument -> argument.startsWith("-Dnighttrain.log="))
                .findFirst()
                .orElseThrow();
        return log.substring(log.lastIndexOf('/') + 1);
    }

    @Test
    void submit() throws IOException, InterruptedException {
        Path submit = copy("conf/cluster/submit");
        executable("bin/spark-submit", "#!/bin/sh\nfor argument; do printf '%s\\0' \"$argument\"; done\n");
        List<String> said = run(
                List.of(submit.toString()), Map.of("SPARK_HOME", home.toString(), "MASTER", "$(touch pwned) local"));
        assertThat(said)
                .startsWith("--master", "$(touch pwned) local")
                .endsWith(ARGUMENTS.toArray(String[]::new))
                .contains(home.resolve("jobs/target/nighttrain.jar").toString());
    }

    @Test
    void gpuDiscovery() throws IOException, InterruptedException {
        Path discover = copy("conf/discover-gpus.sh");
        assertThat(run(List.of("bash", discover.toString()), Map.of("NIGHTTRAIN_GPUS", "0,$(touch pwned)")))
                .containsExactly(
                        "bad list of GPUs: 0,$(touchpwned) (numbers, 0,1; set NIGHTTRAIN_GPUS, or leave it out)\n");
    }

    private Path copy(String script) throws IOException {
        Path copy = home.resolve(script);
        Files.createDirectories(copy.getParent());
        return Files.copy(Project.ROOT.resolve(script), copy, java.nio.file.StandardCopyOption.COPY_ATTRIBUTES);
    }

    private void executable(String name, String script) throws IOException {
        Files.setPosixFilePermissions(write(name, script), PosixFilePermissions.fromString("rwxr-xr-x"));
    }

    private Path write(String name, String text) throws IOException {
        Path file = home.resolve(name);
        Files.createDirectories(file.getParent());
        return Files.writeString(file, text);
    }

    /** What the command said, taken apart at its NULs. */
    private List<String> run(List<String> command, Map<String, String> environment)
            throws IOException, InterruptedException {
        List<String> whole = new ArrayList<>(command);
        whole.addAll(ARGUMENTS);
        ProcessBuilder builder =
                new ProcessBuilder(whole).directory(home.toFile()).redirectErrorStream(true);
        builder.environment().put("TMPDIR", home.toString());
        builder.environment().remove("NIGHTTRAIN_LOG_DIR");
        builder.environment().putAll(environment);
        Path output = dir.resolve("output");
        Process process = builder.redirectOutput(output.toFile()).start();
        assertThat(process.waitFor(30, TimeUnit.SECONDS)).isTrue();
        assertThat(home.resolve("pwned")).doesNotExist();
        return List.of(Files.readString(output).split("\0"));
    }
}
