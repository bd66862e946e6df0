package nighttrain.pipeline.cluster;

import static org.assertj.core.api.Assertions.assertThat;

import nighttrain.pipeline.cluster.ClusterState.ExecutorSize;
import org.apache.spark.SparkConf;
import org.apache.spark.resource.ResourceProfile;
import org.junit.jupiter.api.Test;

class StageGpusTest {
    private final SparkConf conf = new SparkConf(false)
            .set("spark.executor.cores", "8")
            .set("spark.executor.memory", "16g")
            .set("spark.executor.resource.gpu.amount", "4")
            .set("spark.executor.resource.gpu.vendor", "nvidia.com");

    @Test
    void dynamicAllocationAsksForGpusInOneStage() {
        conf.set("spark.dynamicAllocation.enabled", "true");
        StageGpus.claim(conf);
        assertThat(conf.contains("spark.executor.resource.gpu.amount")).isFalse();
        assertThat(conf.contains("spark.executor.resource.gpu.vendor")).isFalse();
        ResourceProfile profile = StageGpus.of(conf).orElseThrow().profile();
        assertThat(profile.executorResourcesJMap().get("gpu").amount()).isEqualTo(4);
        assertThat(profile.executorResourcesJMap().get("gpu").vendor()).isEqualTo("nvidia.com");
        assertThat(profile.executorResourcesJMap().get("cores").amount()).isEqualTo(8);
        assertThat(profile.executorResourcesJMap().get("memory").amount()).isEqualTo(16 * 1024);
        assertThat(ExecutorSize.asked(conf)).hasToString("8 cores, 16,384 MiB, 4 GPUs");
    }

    @Test
    void withoutItAllExecutorsHaveThem() {
        StageGpus.claim(conf);
        assertThat(conf.get("spark.executor.resource.gpu.amount")).isEqualTo("4");
        assertThat(StageGpus.of(conf)).isEmpty();
        assertThat(ExecutorSize.asked(conf)).isEqualTo(new ExecutorSize(8, 16 * 1024, 4));
    }

    @Test
    void aMachineMustHaveAllThatIsAsked() {
        ExecutorSize asked = new ExecutorSize(8, 1024, 4);
        assertThat(asked.fitsIn(asked)).isTrue();
        assertThat(asked.fitsIn(new ExecutorSize(7, 1024, 4))).isFalse();
        assertThat(asked.fitsIn(new ExecutorSize(8, 1023, 4))).isFalse();
        assertThat(asked.fitsIn(new ExecutorSize(8, 1024, 3))).isFalse();
    }
}
