package nighttrain.jobs;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Where executors land, and on which GPUs: a node with four GPUs and one without, on a real cluster. */
class PlacementTest {
    private static final Pattern GPUS = Pattern.compile("GPUs of this executor: \\[(.*?)]");
    private static final Duration PATIENCE = Duration.ofSeconds(120);

    @TempDir
    Path folder;

    private StandaloneCluster cluster;
    private ClusterWorker gpuNode;
    private ClusterWorker cpuNode;

    @BeforeEach
    void oneNodeWithGpusAndOneWithout() throws Exception {
        cluster = StandaloneCluster.start(folder);
        gpuNode = cluster.addWorker(4, "0,1,2,5");
        cpuNode = cluster.addWorker(4, "");
    }

    @AfterEach
    void end() {
        cluster.close();
    }

    @Test
    @Timeout(300)
    void executorsShareAGpuNodeWithoutSharingGpus() throws Exception {
        Path output = folder.resolve("out");
        try (CommandProcess driver =
                cluster.driver(Map.of("spark.executor.resource.gpu.amount", "2"), command(output))) {
            assertThat(driver.await(PATIENCE)).as(cluster.logs()).isZero();
        }
        assertThat(assigned(gpuNode)).containsExactlyInAnyOrder("0, 1", "2, 5");
        assertThat(cpuNode.logs()).as("executors of the node without GPUs").isEmpty();
        assertThat(Results.rows(output, "executor")).hasSize(40);
    }

    @Test
    @Timeout(300)
    void onlyTheStageThatGeneratesHoldsGpus() throws Exception {
        Path output = folder.resolve("out-dynamic");
        Map<String, String> conf = Map.of(
                "spark.dynamicAllocation.enabled", "true",
                "spark.dynamicAllocation.shuffleTracking.enabled", "true",
                "spark.dynamicAllocation.maxExecutors", "2",
                "spark.executor.resource.gpu.amount", "4");
        try (CommandProcess driver = cluster.driver(conf, command(output))) {
            assertThat(driver.await(PATIENCE)).as(cluster.logs()).isZero();
        }
        assertThat(cpuNode.logs())
                .as("executors without GPUs, which read and write")
                .isNotEmpty();
        assertThat(assigned(cpuNode)).containsOnly("");
        assertThat(assigned(gpuNode)).contains("0, 1, 2, 5");
        List<String> generating = Results.rows(output, "distinct executor").stream()
                .map(row -> row.getString(0))
                .toList();
        assertThat(generating)
                .containsExactlyElementsOf(gpuNode.executorsThatSaid("GPUs of this executor: [0, 1, 2, 5]"));
    }

    @Test
    @Timeout(120)
    void whatNoWorkerHasIsRefusedInOneLine() throws Exception {
        String[] asked = command(folder.resolve("never"), "--conf", "spark.executor.resource.gpu.amount=8");
        try (CommandProcess driver = cluster.driver(Map.of(), asked)) {
            assertThat(driver.await(Duration.ofSeconds(60))).isEqualTo(ExitCode.BAD_INPUT.code());
            assertThat(driver.messages())
                    .contains(
                            "no worker can hold an executor: 2 cores, 512 MiB, 8 GPUs (there are 4 cores, 4,096 MiB, 4"
                                + " GPUs / 4 cores, 4,096 MiB, 0 GPUs; ask for less by spark.executor.cores, .memory"
                                + " and .resource.gpu.amount, or start such a worker)\n");
        }
        assertThat(folder.resolve("never")).doesNotExist();
    }

    private String[] command(Path output, String... more) throws IOException {
        if (!Files.exists(folder.resolve("model"))) {
            TinyModel.in(folder.resolve("model"));
        }
        List<String> options = new ArrayList<>(TinyModel.OPTIONS);
        options.addAll(List.of("--limit", "40", "--max-tokens", "4", "--id-column", "id"));
        options.addAll(List.of(more));
        return Demo.command(folder.resolve("model"), Project.DEMO_PROMPTS, output, options.toArray(String[]::new));
    }

    /** The GPUs that each executor of a node took. */
    private static List<String> assigned(ClusterWorker node) throws IOException {
        return node.logs().stream()
                .flatMap(log -> GPUS.matcher(log).results())
                .map(found -> found.group(1))
                .toList();
    }
}
