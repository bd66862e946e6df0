package nighttrain.jobs;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import nighttrain.jobs.cli.ExitCode;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Runs conf/cluster/submit with conf/cluster/kubernetes.properties, on GPUs that exist only for the cluster. */
@Tag("kubernetes")
@Timeout(600)
class KubernetesIT {
    private static final Duration PATIENCE = Duration.ofMinutes(4);
    private static final int ROWS = 120;
    private static final int GPUS_EACH = 4;

    @TempDir
    static Path shared;

    private static SparkInstallation spark;
    private static KubernetesCluster cluster;

    @TempDir
    Path folder;

    @BeforeAll
    @Timeout(600)
    static void start() throws Exception {
        spark = SparkInstallation.in(shared, jars());
        cluster = KubernetesCluster.start(shared, spark, 2 * GPUS_EACH);
        Files.createSymbolicLink(cluster.claim("models").resolve("demo"), Project.DEMO_MODEL);
    }

    @AfterAll
    static void stop() {
        if (cluster != null) {
            cluster.close();
        }
    }

    /** Returns the jars that a Spark distribution has for Kubernetes, which the Maven profile fetched. */
    private static Path[] jars() throws IOException {
        try (Stream<Path> jars = Files.list(Project.ROOT.resolve("jobs/target/kubernetes"))) {
            return jars.toArray(Path[]::new);
        }
    }

    @Test
    void onlyPodsThatGenerateHaveGpusAndOneThatIsDrainedCostsNoRow() throws Exception {
        try (CommandProcess job = submit(Project.DEMO_PROMPTS)) {
            JournalView journal = new JournalView(folder.resolve("out"));
            job.awaitWhileAlive("some rows", PATIENCE, () -> journal.rows() > 0);
            List<JsonNode> pods = cluster.pods("executor");
            List<JsonNode> generating = withGpus(pods);
            assertThat(generating).isNotEmpty().hasSizeLessThan(pods.size());
            assertThat(pods)
                    .allSatisfy(pod -> assertThat(pod.at("/spec/containers/0/resources/limits/memory")
                                    .asText())
                            .as("2 GiB and 0.3 of it")
                            .isEqualTo("2662Mi"));
            cluster.evict(generating.get(0), Duration.ofSeconds(30));
            assertThat(job.await(PATIENCE)).as(job.messages()).isZero();
        }
        assertThat(Results.ids(folder.resolve("out"))).hasSize(ROWS).doesNotHaveDuplicates();
    }

    @Test
    void theDriversPodHasTheCommandsExitCode() throws Exception {
        Path missing = folder.resolve("missing.parquet");
        refuses(List.of("input not found: " + missing), missing);
    }

    @Test
    void gpusThatNoNodeHasAreToldInTime() throws Exception {
        String tells = "kubectl describe pods -l spark-role=executor,";
        refuses(
                List.of(
                        "waiting for an executor: 2 cores, 2,048 MiB, 16 GPUs (" + tells,
                        "no executor within 20 s: 2 cores, 2,048 MiB, 16 GPUs (" + tells),
                Project.DEMO_PROMPTS,
                "spark.executor.resource.gpu.amount 16",
                "spark.nighttrain.executorWait 20s");
    }

    private void refuses(List<String> beginnings, Path input, String... conf) throws Exception {
        Set<String> before = names(cluster.pods("driver"));
        try (CommandProcess job = submit(input, conf)) {
            job.await(PATIENCE);
            assertThat(job.messages()).contains("exit code: " + ExitCode.BAD_INPUT.code());
        }
        List<JsonNode> drivers = cluster.pods("driver").stream()
                .filter(pod -> !before.contains(pod.at("/metadata/name").asText()))
                .toList();
        assertThat(drivers).hasSize(1);
        List<String> said = cluster.log(drivers.get(0)).lines().toList();
        assertThat(beginnings).allSatisfy(beginning -> assertThat(said).anyMatch(line -> line.startsWith(beginning)));
    }

    private static Set<String> names(List<JsonNode> pods) {
        return pods.stream().map(pod -> pod.at("/metadata/name").asText()).collect(Collectors.toSet());
    }

    private static List<JsonNode> withGpus(List<JsonNode> pods) {
        return pods.stream().filter(pod -> PodProcess.gpus(pod) == GPUS_EACH).toList();
    }

    private CommandProcess submit(Path input, String... conf) throws IOException {
        Map<String, String> environment = Map.of(
                "KUBECONFIG", cluster.kubeconfig().toString(),
                "MASTER", "k8s://" + cluster.url(),
                "PROPERTIES", properties(conf).toString());
        return spark.submit(
                folder, environment, "/models/demo", input, "--backend", "cpu", "--limit", String.valueOf(ROWS));
    }

    /** Writes the example's properties, followed by those that differ here; later lines win. */
    private Path properties(String... conf) throws IOException {
        String example = Files.readString(Project.CONF.resolve("cluster/kubernetes.properties"));
        return Files.writeString(
                folder.resolve("kubernetes.properties"),
                example
                        + """

                        spark.kubernetes.file.upload.path %s
                        spark.kubernetes.driver.master %s
                        spark.kubernetes.authenticate.driver.mounted.oauthTokenFile %s
                        spark.kubernetes.authenticate.driver.mounted.caCertFile %s
                        spark.executor.resource.gpu.discoveryScript %s
                        spark.executor.cores 2
                        spark.executor.memory 2g
                        spark.driver.memory 1g
                        %s
                        """.formatted(
                                        folder.resolve("jars").toUri(),
                                        cluster.url(),
                                        cluster.token(),
                                        cluster.certificates(),
                                        Project.CONF.resolve("discover-gpus.sh"),
                                        String.join("\n", conf)));
    }
}
