package nighttrain.pipeline.partition;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import nighttrain.pipeline.partition.FleetSimulation.Fleet;
import nighttrain.pipeline.partition.TaskPartitions.Kind;
import nighttrain.pipeline.partition.TaskPartitions.TaskPartition;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Compares a fleet simulated by tasks with the same fleet simulated row by row and step by step. */
@Timeout(60)
class TaskPartitionsTest {
    private static final int SEQUENCES = 64;
    private static final int SLOTS = 4;
    private static final int LAUNCH_STEPS = 2;

    @ParameterizedTest
    @CsvSource({
        "1, 8000, 1, 0.05",
        "2, 8000, 1, 0.05",
        "4, 8000, 1, 0.05",
        "4, 500, 1, 0.05",
        "8, 2000, 1, 0.05",
        "4, 8000, 4, 0.06" // the slow one gets the longest rows: the worst case
    })
    void tasksTakeAsLongAsTheirRows(int executors, int rowsPerExecutor, int slownessOfOne, double within) {
        int[] lengths = logNormal(executors * rowsPerExecutor);
        int[] slowness = new int[executors];
        Arrays.fill(slowness, 1);
        slowness[0] = slownessOfOne;
        int steps = new RowSimulation(
                        Arrays.stream(lengths).asLongStream().toArray(),
                        lengths,
                        new Slots(executors, SLOTS, SEQUENCES),
                        slowness)
                .run()
                .steps();
        double slowShare = slownessOfOne > 1 ? 1.0 / executors : 0;
        Fleet fleet = new Fleet(executors, SLOTS, SEQUENCES, LAUNCH_STEPS, 0, slowShare, slownessOfOne, 0, 0);
        double forecast = FleetSimulation.run(fleet, cuts(lengths, executors)).seconds();
        assertThat(forecast / steps).isCloseTo(1, within(within));
    }

    /** Returns tasks for steps of one second: a row of n tokens takes n seconds, and a full engine computes 64 rows at a time. */
    private static List<TaskPartition> cuts(int[] lengths, int executors) {
        List<Kind> kinds = IntStream.of(lengths)
                .mapToObj(tokens -> new Kind(tokens, 1, (double) tokens / SEQUENCES, tokens))
                .toList();
        return TaskPartitions.of(kinds, executors, SLOTS, SEQUENCES);
    }

    private static int[] logNormal(int rows) {
        Random random = new Random(7);
        return random.ints(rows)
                .map(unused -> (int) Math.ceil(48 * Math.exp(random.nextGaussian())))
                .toArray();
    }
}
