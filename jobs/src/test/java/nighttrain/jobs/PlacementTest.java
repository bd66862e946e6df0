package nighttrain.jobs;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Where executors land, and on which GPUs: a node with four GPUs and one without, on a real cluster. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class PlacementTest {
    private static final Pattern GPUS = Pattern.compile("GPUs of this executor: \\[(.*?)]");
    private static final Duration PATIENCE = Duration.ofSeconds(120);

    @TempDir
    static Path folder;

    private StandaloneCluster cluster;
    private ClusterWorker gpuNode;
    private ClusterWorker cpuNode;

    @BeforeAll
    void oneNodeWithGpusAndOneWithout() throws Exception {
        cluster = StandaloneCluster.start(folder);
        gpuNode = cluster.addWorker(4, "0,1,2,5");
        cpuNode = cluster.addWorker(4, "");
    }

    @AfterAll
    void end() {
        cluster.close();
    }

    @Test
    @Timeout(300)
    void executorsShareAGpuNodeWithoutSharingGpus() throws Exception {
        Path output = folder.resolve("out");
        List<String> options = new ArrayList<>(TinyModel.OPTIONS);
        options.addAll(List.of("--limit", "40", "--max-tokens", "4", "--id-column", "id"));
        String[] command = Demo.command(
                TinyModel.in(folder.resolve("model")), Project.DEMO_PROMPTS, output, options.toArray(String[]::new));
        try (CommandProcess driver = cluster.driver(Map.of("spark.executor.resource.gpu.amount", "2"), command)) {
            assertThat(driver.await(PATIENCE)).as(cluster.logs()).isZero();
        }
        assertThat(assigned(gpuNode)).containsExactlyInAnyOrder("0, 1", "2, 5");
        assertThat(cpuNode.logs()).as("executors of the node without GPUs").isEmpty();
        assertThat(Results.rows(output, "executor")).hasSize(40);
    }

    /** The GPUs that each executor of a node took. */
    private static List<String> assigned(ClusterWorker node) throws IOException {
        return node.logs().stream()
                .flatMap(log -> GPUS.matcher(log).results())
                .map(found -> found.group(1))
                .toList();
    }
}
