package nighttrain.jobs;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Runs the packaged jar by conf/cluster/submit and Spark's own SparkSubmit, which has none of our classes or libraries. */
class SparkSubmitIT {
    private static final Duration PATIENCE = Duration.ofMinutes(4);

    private static final String DEFAULT_BUILD = "";

    @TempDir
    Path folder;

    /** Returns the default build and the builds for other Sparks that the property names, such as {@code spark-3.5_2.12}. */
    static Stream<String> builds() {
        String others = System.getProperty("nighttrain.builds", DEFAULT_BUILD);
        return Stream.concat(Stream.of(DEFAULT_BUILD), Stream.of(others.split(",")))
                .distinct();
    }

    @ParameterizedTest
    @MethodSource("builds")
    @Timeout(600)
    void completesTheDemoAndGoesOnInTheSameWay(String build) throws Exception {
        SparkInstallation spark = SparkInstallation.of(build);

        String first = run(spark);
        String second = run(spark);

        assertThat(first).startsWith("2 rows, 0 errors in ");
        assertThat(second).startsWith("2 rows, 0 errors: an earlier run finished this job");
        assertThat(folder.resolve("out/summary.json")).content().contains("\"rows\" : 2");
    }

    private String run(SparkInstallation spark) throws IOException, InterruptedException {
        Map<String, String> environment = Map.of("MASTER", "local[2]", "SPARK_LOCAL_IP", "127.0.0.1");
        try (CommandProcess process = spark.submit(
                folder,
                environment,
                Project.DEMO_MODEL.toString(),
                Project.DEMO_PROMPTS,
                "--limit",
                "2",
                "--max-tokens",
                "4")) {
            assertThat(process.await(PATIENCE)).as(process.messages()).isZero();
            return process.out();
        }
    }
}
