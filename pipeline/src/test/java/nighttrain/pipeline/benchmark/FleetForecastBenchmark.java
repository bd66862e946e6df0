package nighttrain.pipeline.benchmark;

import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import nighttrain.pipeline.partition.FleetSimulation;
import nighttrain.pipeline.partition.FleetSimulation.Fleet;
import nighttrain.pipeline.partition.FleetSimulation.FleetForecast;
import nighttrain.pipeline.partition.TaskPartitions;
import nighttrain.pipeline.partition.TaskPartitions.Kind;
import nighttrain.pipeline.partition.TaskPartitions.TaskPartition;
import nighttrain.pipeline.testing.TestSpark;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Runs {@link nighttrain.pipeline.benchmark.Fleet} with 1, 2 and 4 executors and compares it with the simulation that plans use. */
@Tag("benchmark")
class FleetForecastBenchmark {
    private static final int ROWS_PER_ENGINE = Integer.getInteger("fleet.rows", 390);
    private static final int SEQUENCES = 16;
    private static final int SLOTS = 4;
    private static final int STEP_MS = 50;
    private static final double STEP_S = STEP_MS / 1e3;
    private static final int CHARS_PER_TOKEN = 4;

    @TempDir
    private Path dir;

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 4})
    @Timeout(value = 10, unit = TimeUnit.MINUTES)
    void besideTheSimulation(int executors) throws Exception {
        int rows = executors * ROWS_PER_ENGINE;
        List<Kind> kinds = kinds(rows);
        List<TaskPartition> cuts = TaskPartitions.of(kinds, executors, SLOTS, SEQUENCES);
        FleetForecast forecast = FleetSimulation.run(Fleet.healthy(executors, SLOTS, SEQUENCES), cuts);
        double tokens = kinds.stream()
                .mapToDouble(kind -> kind.rows() * kind.seconds() / STEP_S)
                .sum();
        System.out.printf(
                "%d executors, simulated: %d rows, %.1f tokens/s, %.1f s of generating, busy %.3f, %d tasks%n",
                executors,
                rows,
                tokens / forecast.seconds(),
                forecast.seconds(),
                forecast.busyShare(),
                forecast.tasks());
        String master = "local-cluster[" + executors + "," + SLOTS + "," + LocalCluster.EXECUTOR_MIB + "]";
        OwnProcess.run(
                "1g",
                nighttrain.pipeline.benchmark.Fleet.class,
                dir.resolve("fleet"),
                master,
                executors,
                ROWS_PER_ENGINE,
                1,
                STEP_MS);
    }

    /** Returns the fleet's prompts. Each byte is a token, each answer has one token, and each token takes a step. */
    private static List<Kind> kinds(int rows) {
        return nighttrain.pipeline.benchmark.Fleet.lengths(TestSpark.session(), rows).collectAsList().stream()
                .mapToInt(row -> row.<Integer>getAs("length"))
                .mapToObj(length -> new Kind(
                        (length + CHARS_PER_TOKEN - 1) / CHARS_PER_TOKEN + 1,
                        1,
                        (length + 1) * STEP_S / SEQUENCES,
                        (length + 1) * STEP_S))
                .toList();
    }
}
