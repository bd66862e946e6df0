package nighttrain.jobs;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.stream.Collectors;
import nighttrain.jobs.cli.ExitCode;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Runs conf/cluster/submit with conf/cluster/yarn.properties, without its GPUs, on a real YARN. */
@Tag("yarn")
@Timeout(600)
class YarnIT {
    private static final Duration PATIENCE = Duration.ofMinutes(4);
    private static final int ROWS = 120;

    @TempDir
    static Path shared;

    private static SparkInstallation spark;
    private static YarnCluster cluster;

    @TempDir
    Path folder;

    @BeforeAll
    @Timeout(600)
    static void start() throws Exception {
        spark = SparkInstallation.in(shared, YarnCluster.SPARK_FOR_YARN);
        cluster = YarnCluster.start(shared, spark);
    }

    @AfterAll
    static void stop() {
        if (cluster != null) {
            cluster.close();
        }
    }

    @Test
    void anExecutorThatDiesCostsNoRow() throws Exception {
        try (CommandProcess job = submit("client", Project.DEMO_PROMPTS)) {
            JournalView journal = new JournalView(folder.resolve("out"));
            job.awaitWhileAlive(
                    "both executors are there, and some rows",
                    PATIENCE,
                    () -> cluster.executors().size() == 2 && journal.rows() > 0);
            cluster.executors().get(0).destroyForcibly();
            assertThat(job.await(PATIENCE)).as(job.messages()).isZero();
            assertThat(job.out()).startsWith(ROWS + " rows, 0 errors in ");
        }
        assertThat(Results.ids(folder.resolve("out"))).hasSize(ROWS).doesNotHaveDuplicates();
        assertThat(folder.resolve("out/summary.json")).content().containsPattern("\"executors_lost\" : [1-9]");
    }

    @Test
    void theDriverMayBeInTheCluster() throws Exception {
        try (CommandProcess job = submit("cluster", Project.DEMO_PROMPTS)) {
            assertThat(job.await(PATIENCE)).as(job.messages()).isZero();
        }
        assertThat(Results.ids(folder.resolve("out"))).hasSize(ROWS).doesNotHaveDuplicates();
    }

    @Test
    void badInputIsOneLineAndItsExitCode() throws Exception {
        Path missing = folder.resolve("missing.parquet");
        try (CommandProcess job = submit("client", missing)) {
            assertThat(job.await(PATIENCE)).isEqualTo(ExitCode.BAD_INPUT.code());
            assertThat(job.messages().lines()).anyMatch(line -> line.startsWith("input not found: " + missing));
        }
    }

    private CommandProcess submit(String deployMode, Path input) throws IOException {
        Map<String, String> environment = Map.of(
                "HADOOP_CONF_DIR",
                cluster.conf().toString(),
                "MASTER",
                "yarn",
                "PROPERTIES",
                properties(deployMode).toString(),
                "SPARK_LOCAL_IP",
                "127.0.0.1");
        return spark.submit(folder, environment, Project.DEMO_MODEL.toString(), input, "--limit", String.valueOf(ROWS));
    }

    /** Writes the example's properties without those that these nodes lack; later lines win. */
    private Path properties(String deployMode) throws IOException {
        String example = Files.readAllLines(Project.CONF.resolve("cluster/yarn.properties")).stream()
                .filter(line -> !line.contains("resource.gpu.") && !line.startsWith("spark.files "))
                .collect(Collectors.joining("\n"));
        String jars = spark.jars().stream().map(jar -> "local:" + jar).collect(Collectors.joining(","));
        return Files.writeString(
                folder.resolve("yarn.properties"),
                example + """

                        spark.submit.deployMode %s
                        spark.executor.instances 2
                        spark.executor.cores 2
                        spark.executor.memory 1g
                        spark.driver.memory 1g
                        spark.yarn.stagingDir %s
                        spark.yarn.jars %s
                        """.formatted(deployMode, folder.resolve("staging").toUri(), jars));
    }
}
