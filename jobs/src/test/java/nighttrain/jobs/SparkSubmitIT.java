package nighttrain.jobs;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The jar that "package" made, by conf/cluster/submit and Spark's own SparkSubmit, which has none of our classes or libraries. */
class SparkSubmitIT {
    private static final Duration PATIENCE = Duration.ofMinutes(2);

    @TempDir
    Path folder;

    @Test
    @Timeout(300)
    void completesTheDemoAndGoesOnInTheSameWay() throws Exception {
        SparkInstallation spark = SparkInstallation.in(folder);

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
