package nighttrain.pipeline.cluster;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import nighttrain.io.UserError;
import org.apache.spark.SparkConf;
import org.junit.jupiter.api.Test;

class LoneExecutorTest {
    private final SparkConf conf = new SparkConf(false).set("spark.master", "spark://head:7077");

    @Test
    void aStandaloneClusterIsAskedForTheCoresOfOne() {
        LoneExecutor.claim(conf.set("spark.executor.cores", "16").set("spark.cores.max", "64"));

        assertThat(conf.get("spark.cores.max")).isEqualTo("16");
        assertThat(conf.get("spark.executor.instances")).isEqualTo("1");
    }

    @Test
    void itIsAskedForNothingWhereAnExecutorWouldTakeWholeWorkers() {
        assertThatThrownBy(() -> LoneExecutor.claim(conf))
                .isInstanceOf(UserError.class)
                .hasMessage(
                        "missing conf spark.executor.cores: spark://head:7077 (without it a standalone cluster gives an"
                                + " executor of every worker, and one is wanted; set it to the cores of a worker)");
    }

    @Test
    void dynamicAllocationNeverAsksForASecond() {
        LoneExecutor.claim(conf.set("spark.dynamicAllocation.enabled", "true"));

        assertThat(conf.get("spark.dynamicAllocation.minExecutors")).isEqualTo("1");
        assertThat(conf.get("spark.dynamicAllocation.maxExecutors")).isEqualTo("1");
    }
}
