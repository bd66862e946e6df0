package nighttrain.pipeline.host;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Map;
import nighttrain.io.UserError;
import nighttrain.pipeline.host.EngineStarter.AssignedGpus;
import org.apache.spark.resource.ResourceInformation;
import org.junit.jupiter.api.Test;

class AssignedGpusTest {
    @Test
    void areThoseThatSparkNames() {
        assertThat(AssignedGpus.of(Map.of("gpu", gpus("2", " 3")))).containsExactly(2, 3);
        assertThat(AssignedGpus.of(Map.of("fpga", gpus("0")))).isEmpty();
    }

    @Test
    void addressesThatAreNoNumbersAreRefused() {
        assertThatThrownBy(() -> AssignedGpus.of(Map.of("gpu", gpus("GPU-5d1c"))))
                .isInstanceOf(UserError.class)
                .hasMessage("bad address of a GPU: GPU-5d1c (a number, as nvidia-smi counts them; use"
                        + " conf/discover-gpus.sh as discovery script)");
    }

    private static ResourceInformation gpus(String... addresses) {
        return new ResourceInformation("gpu", addresses);
    }
}
