package nighttrain.jobs;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The jar that "package" made, by conf/cluster/submit and Spark's own SparkSubmit, which has none of our classes or libraries. */
class SparkSubmitIT {
    /** Jars of the launcher's class path that no Spark installation has. */
    private static final Pattern OURS = Pattern.compile(
            "nighttrain|/(io|executor-gpu|pipeline)/target/|/ai/djl/|/jna/|/hubspot/|/picocli/|/re2j/|/commons-net/|/java-ipv6/"
                    + "|/jackson-datatype-jdk8/|/big-math/|/immutables/|/derive4j/|/com/google/code/findbugs/annotations/");

    private static final Duration PATIENCE = Duration.ofSeconds(120);

    @TempDir
    Path folder;

    @BeforeEach
    void aSparkInstallation() throws IOException {
        Path submit = folder.resolve("spark/bin/spark-submit");
        Files.createDirectories(submit.getParent());
        Path target = Project.ROOT.resolve("jobs/target");
        String jars = Arrays.stream(
                        Files.readString(target.resolve("classpath.txt")).split(File.pathSeparator))
                .filter(jar -> !OURS.matcher(jar).find())
                .collect(Collectors.joining(File.pathSeparator));
        Files.writeString(
                submit,
                "#!/usr/bin/env bash\nexec java @%s %s -Xmx2g -cp '%s' org.apache.spark.deploy.SparkSubmit \"$@\"\n"
                        .formatted(target.resolve("jvm.options"), String.join(" ", BriefRun.JVM_FLAGS), jars));
        assertThat(submit.toFile().setExecutable(true)).isTrue();
    }

    @Test
    void completesTheDemoAndGoesOnInTheSameWay() throws Exception {
        Path output = folder.resolve("out");
        List<String> command = List.of(
                Project.CONF.resolve("cluster/submit").toString(),
                "--model",
                Project.DEMO_MODEL.toString(),
                "--input",
                Project.DEMO_PROMPTS.toString(),
                "--output",
                output.toString(),
                "--limit",
                "2",
                "--max-tokens",
                "4");

        String first = run(command);
        String second = run(command);

        assertThat(first).startsWith("2 rows, 0 errors in ");
        assertThat(second).startsWith("2 rows, 0 errors: an earlier run finished this job");
        assertThat(output.resolve("summary.json")).content().contains("\"rows\" : 2");
    }

    private String run(List<String> command) throws IOException, InterruptedException {
        Map<String, String> environment = Map.of(
                "SPARK_HOME", folder.resolve("spark").toString(),
                "MASTER", "local[2]",
                "SPARK_LOCAL_IP", "127.0.0.1");
        try (CommandProcess process = CommandProcess.start(folder, environment, command)) {
            assertThat(process.await(PATIENCE)).as(process.messages()).isZero();
            return process.out();
        }
    }
}
