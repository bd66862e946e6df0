package nighttrain.pipeline.cluster;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Optional;
import nighttrain.pipeline.cluster.ClusterState.ExecutorSize;
import nighttrain.pipeline.cluster.FirstExecutor.Shortage;
import org.junit.jupiter.api.Test;

class ShortageTest {
    private static final ExecutorSize WORKER = new ExecutorSize(8, 4096, 4);

    @Test
    void theMasterOfAStandaloneClusterIsQuoted() {
        assertThat(Shortage.of("spark://h:7077", "app-1", told("etl", "night-train"))
                        .why())
                .isEqualTo("there are 8 cores, 4,096 MiB, 4 GPUs, in use by etl, night-train");
        assertThat(Shortage.of("spark://h:7077", "app-1", told()))
                .isEqualTo(new Shortage(
                        "there are 8 cores, 4,096 MiB, 4 GPUs, and no other application: the workers' logs tell why executors"
                                + " do not start",
                        "mend that"));
    }

    @Test
    void elsewhereACommandTells() {
        assertThat(Shortage.of("k8s://https://h:6443", "spark-7", Optional.empty())
                        .why())
                .isEqualTo(
                        "kubectl describe pods -l spark-role=executor,spark-app-selector=spark-7 tells what they wait"
                                + " for");
        assertThat(Shortage.of("yarn", "application_1", Optional.empty()).why())
                .isEqualTo("yarn application -status application_1 tells what it waits for");
    }

    @Test
    void aMasterThatDoesNotAnswerIsGuessedAt() {
        assertThat(Shortage.of("spark://h:7077", "app-1", Optional.empty()))
                .isEqualTo(new Shortage("the cluster has none to give, or is slow", "wait for other jobs"));
    }

    private static Optional<ClusterState> told(String... others) {
        return Optional.of(new ClusterState(List.of(WORKER), List.of(others)));
    }
}
