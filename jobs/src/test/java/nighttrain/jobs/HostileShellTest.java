package nighttrain.jobs;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Checks that our shell scripts neither execute nor split names of folders and arguments, as a shell does without quotes. */
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
                        "-Dnighttrain.log=" + home + "/" + logOf(said))
                .noneMatch(argument -> argument.startsWith("-XX:SharedArchiveFile"));

        // Jars that do not change come first on the class path: an archive holds their classes.
        Path library = Files.createFile(dir.resolve("library of * [z].jar"));
        write("jobs/target/classpath.txt", jar + ":" + library + "\n");
        Path archive = write("jobs/target/classes.jsa", "");
        said = run(
                List.of(launcher.toString()),
                Map.of("JAVA_HOME", home.resolve("jdk").toString()));
        assertThat(said)
                .endsWith(ARGUMENTS.toArray(String[]::new))
                .contains(library + ":" + home.resolve("jobs/target/classes") + ":" + jar)
                .contains("-XX:SharedArchiveFile=" + archive);
    }

    /** Other users may run a built tree. They are told if something is missing, since Maven could not build it for them. */
    @Test
    void launcherOfAnotherUsersTree() throws IOException, InterruptedException {
        boolean root = "root".equals(System.getProperty("user.name"));
        assumeTrue(!root || Files.isExecutable(Path.of("/usr/bin/setpriv")), "root may write everywhere");
        Path launcher = copy("jobs/nighttrain");
        Path jar = write("m2/of/the one.jar", "");
        write("jobs/target/classpath.txt", jar + "\n");
        write("jobs/target/jvm.options", "-Dx=1\n");
        write("jobs/target/classes/nighttrain/jobs/Main.class", "");
        executable("jdk/bin/java", "#!/bin/sh\nfor argument; do printf '%s\\0' \"$argument\"; done\n");
        Files.setPosixFilePermissions(dir, PosixFilePermissions.fromString("rwxr-xr-x"));
        Path logs = Files.createDirectory(dir.resolve("logs"));
        Files.setPosixFilePermissions(logs, PosixFilePermissions.fromString("rwxrwxrwx"));
        List<String> command = root
                ? List.of("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", launcher.toString())
                : List.of(launcher.toString());
        Map<String, String> environment =
                Map.of("JAVA_HOME", home.resolve("jdk").toString(), "NIGHTTRAIN_LOG_DIR", logs.toString());
        Path tree = home.resolve("jobs");
        Set<PosixFilePermission> rights = Files.getPosixFilePermissions(tree);
        try {
            Files.setPosixFilePermissions(tree, PosixFilePermissions.fromString("r-xr-xr-x"));
            assertThat(run(command, environment)).endsWith(ARGUMENTS.toArray(String[]::new));

            Files.setPosixFilePermissions(home.resolve("m2"), PosixFilePermissions.fromString("---------"));
            assertThat(run(command, environment))
                    .containsExactly(
                            "cannot run this Night Train: cannot read what it was built with: " + home.resolve("m2")
                                    + " (and " + home + " is another user's; have them build it with mvn -DskipTests"
                                    + " -Dmaven.repo.local=DIR package, DIR one that all can read, or build a copy of your own)\n");
        } finally {
            Files.setPosixFilePermissions(tree, rights);
            Files.setPosixFilePermissions(home.resolve("m2"), rights);
        }
    }

    /** Two builds of one folder would delete one another's classes. */
    @Test
    void launchersThatStartAtOnceBuildOnce() throws IOException, InterruptedException {
        assumeTrue(Files.isExecutable(Path.of("/usr/bin/flock")), "the launcher locks where there is flock");
        Path launcher = copy("jobs/nighttrain");
        executable("jdk/bin/java", "#!/bin/sh\n");
        executable("maven/mvn", """
                #!/bin/sh
                echo built
                echo built >> builds
                sleep 1
                mkdir -p jobs/target/classes/nighttrain/jobs
                : > jobs/target/classes/nighttrain/jobs/Main.class
                echo -Dx=1 > jobs/target/jvm.options
                echo "$PWD/maven/mvn" > jobs/target/classpath.txt
                """);
        String said = String.join(
                "",
                run(
                        List.of("sh", "-c", "\"$0\" & \"$0\" & wait", launcher.toString()),
                        Map.of(
                                "JAVA_HOME",
                                home.resolve("jdk").toString(),
                                "PATH",
                                home.resolve("maven") + ":" + System.getenv("PATH"))));
        assertThat(said).contains("Building Night Train;", "Waiting for another build of Night Train\n");
        assertThat(home.resolve("builds")).hasContent("built\n");
    }

    @Test
    void launcherWithAnOlderJava() throws IOException, InterruptedException {
        Path launcher = copy("jobs/nighttrain");
        executable("jdk/bin/java", "#!/bin/sh\n");
        for (String version : List.of("1.8.0_302", "11.0.2")) {
            write("jdk/release", "IMPLEMENTOR=\"x\"\nJAVA_VERSION=\"" + version + "\"\n");
            assertThat(run(
                            List.of(launcher.toString()),
                            Map.of("JAVA_HOME", home.resolve("jdk").toString())))
                    .containsExactly("cannot run with this Java: " + home.resolve("jdk/bin/java") + " is Java "
                            + version.replaceFirst("^1\\.", "").replaceFirst("\\..*", "")
                            + " (17 or newer; set JAVA_HOME or put java on the PATH)\n");
        }
    }

    @Test
    void launcherWithoutAPlaceForItsLog() throws IOException, InterruptedException {
        Path launcher = copy("jobs/nighttrain");

        assertThat(run(List.of(launcher.toString()), Map.of("NIGHTTRAIN_LOG_DIR", "/dev/null/logs")))
                .containsExactly("cannot write the log: /dev/null/logs (a folder that you can write to; set"
                        + " NIGHTTRAIN_LOG_DIR)\n");
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
        Path jar = write("jobs/target/nighttrain.jar", "");
        assertThat(submitted())
                .startsWith("--master", "$(touch pwned) local")
                .endsWith(ARGUMENTS.toArray(String[]::new))
                .contains(jar.toString());
    }

    @Test
    void submitTakesTheJarOfTheInstalledSpark() throws IOException, InterruptedException {
        write("jobs/target/nighttrain.jar", "");
        write("jars/spark-core_2.12-3.5.9.jar", "");
        String jar = home.resolve("jobs/target/spark-3.5_2.12/nighttrain-spark-3.5_2.12.jar")
                .toString();
        assertThat(submitted())
                .containsExactly("no jar for this Spark: " + jar
                        + " (one for each version of Spark; build it as jobs/README.md says)\n");

        write("jobs/target/spark-3.5_2.12/nighttrain-spark-3.5_2.12.jar", "");
        assertThat(submitted()).contains(jar).endsWith(ARGUMENTS.toArray(String[]::new));
    }

    private List<String> submitted() throws IOException, InterruptedException {
        Path script = home.resolve("conf/cluster/submit");
        Path submit = Files.exists(script) ? script : copy("conf/cluster/submit");
        executable("bin/spark-submit", "#!/bin/sh\nfor argument; do printf '%s\\0' \"$argument\"; done\n");
        return run(List.of(submit.toString()), Map.of("SPARK_HOME", home.toString(), "MASTER", "$(touch pwned) local"));
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

    /** Runs the command and returns its output, split at NULs. */
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
