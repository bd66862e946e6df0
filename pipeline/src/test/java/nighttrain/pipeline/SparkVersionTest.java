package nighttrain.pipeline;

import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import nighttrain.io.UserError;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class SparkVersionTest {
    @Test
    void isThatOfTheSparkThatWeCompileWith() {
        assertThatCode(SparkVersion::require).doesNotThrowAnyException();
    }

    @ParameterizedTest
    @ValueSource(strings = {"4.2.0", "4.2.1", "4.2.0-SNAPSHOT", "4.2"})
    void patchesAreTaken(String version) {
        assertThatCode(() -> SparkVersion.require("Spark", "4.2.0", version)).doesNotThrowAnyException();
    }

    @ParameterizedTest
    @ValueSource(strings = {"3.5.7", "4.1.0", "4.20.0", "4.3.0-SNAPSHOT", "5.0", "14.2.0", ""})
    void othersAreRefused(String version) {
        assertThatThrownBy(() -> SparkVersion.require("Spark", "4.2.0", version))
                .isInstanceOf(UserError.class)
                .hasMessage("needs Spark 4.2: this is Spark " + version
                        + " (use the nighttrain.jar that is built for it, or jobs/nighttrain, which brings Spark)");
    }
}
