package nighttrain.pipeline.partition;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import nighttrain.pipeline.partition.FleetSimulation.Fleet;
import nighttrain.pipeline.partition.FleetSimulation.FleetForecast;
import nighttrain.pipeline.partition.TaskPartitions.Kind;
import nighttrain.pipeline.partition.TaskPartitions.TaskPartition;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Simulates fleets whose times can be computed by hand, and a large one. */
@Timeout(30)
class FleetSimulationTest {
    private static final int SEQUENCES = 64;
    private static final int SLOTS = 4;

    @Test
    void oneExecutorTakesItsWorkAndTheEnds() {
        List<TaskPartition> cuts = cuts(20_000, 1);
        FleetForecast forecast = FleetSimulation.run(Fleet.healthy(1, SLOTS, SEQUENCES), cuts);
        assertThat(forecast.seconds()).isBetween(work(cuts), 1.05 * work(cuts));
        assertThat(forecast.tasks()).isEqualTo(cuts.size());
    }

    @Test
    void cutsHoldEveryRowAndAllWork() {
        List<Kind> kinds = kinds(20_000);
        List<TaskPartition> cuts = TaskPartitions.of(kinds, 16, SLOTS, SEQUENCES);
        assertThat(cuts.stream().mapToDouble(TaskPartition::rows).sum()).isCloseTo(20_000, within(1e-3));
        assertThat(work(cuts))
                .isCloseTo(
                        kinds.stream()
                                .mapToDouble(kind -> kind.rows() * kind.work())
                                .sum(),
                        within(1e-3));
    }

    @Test
    void fewRowsAreOneTaskASlotAndDoNotFillTheEngines() {
        List<TaskPartition> cuts = cuts(16, 4);
        assertThat(cuts).hasSize(16);
        TaskPartition one = cuts.get(0);
        FleetForecast forecast = FleetSimulation.run(Fleet.healthy(4, SLOTS, SEQUENCES), cuts);
        assertThat(forecast.seconds()).isGreaterThan(one.work() * SEQUENCES);
        assertThat(forecast.busyShare()).isLessThan(0.5);
    }

    @Test
    void aSlowExecutorDoesLessAndHoldsTheEndALittle() {
        List<TaskPartition> cuts = cuts(120_000, 4);
        FleetForecast forecast = FleetSimulation.run(new Fleet(4, SLOTS, SEQUENCES, 0.1, 0, 0.25, 4, 0, 0), cuts);
        assertThat(forecast.seconds()).isBetween(work(cuts) / 3.25, 1.1 * work(cuts) / 3.25);
    }

    @Test
    void whoFailsIsDoneAgainByOthers() {
        List<TaskPartition> cuts = cuts(400_000, 4);
        double healthy =
                FleetSimulation.run(Fleet.healthy(4, SLOTS, SEQUENCES), cuts).seconds();
        FleetForecast failing = FleetSimulation.run(new Fleet(4, SLOTS, SEQUENCES, 0.1, 0, 0, 1, 50, 600), cuts);
        double lifetimes = failing.seconds() * 4 * 50 / 86_400;
        assertThat(failing.failures()).isBetween((int) (lifetimes / 2), (int) (2 * lifetimes) + 2);
        assertThat(failing.seconds()).isBetween(1.05 * healthy, 3 * healthy);
    }

    @Test
    void executorsThatComeLateAreMissed() {
        List<TaskPartition> cuts = cuts(20_000, 4);
        double spread = work(cuts) / 4;
        double late = FleetSimulation.run(new Fleet(4, SLOTS, SEQUENCES, 0.1, spread, 0, 1, 0, 0), cuts)
                .seconds();
        // Executors start after 0, 1/4, 1/2 and 3/4 of the spread: 3/8 of it on average.
        assertThat(late).isCloseTo(work(cuts) / 4 + spread * 3 / 8, within(0.08 * late));
    }

    @Test
    void aHundredNodesAreBusyMostOfTheTime() {
        FleetForecast forecast =
                FleetSimulation.run(new Fleet(100, SLOTS, SEQUENCES, 0.1, 60, 0.02, 2, 0.1, 120), cuts(2_000_000, 100));
        assertThat(forecast.tasks()).isBetween(1000, 4096);
        assertThat(forecast.busyShare()).isBetween(0.8, 1.0);
    }

    @Test
    void soAreAThousand() {
        FleetForecast forecast = FleetSimulation.run(
                new Fleet(1000, SLOTS, SEQUENCES, 0.1, 60, 0.02, 2, 0.1, 120), cuts(20_000_000, 1000));
        assertThat(forecast.tasks()).isBetween(8_000, 32_000);
        assertThat(forecast.busyShare()).isBetween(0.75, 1.0);
    }

    private static List<TaskPartition> cuts(double rows, int executors) {
        return TaskPartitions.of(kinds(rows), executors, SLOTS, SEQUENCES);
    }

    /** Returns rows of log-normal lengths; an output token takes a step of 50 ms, and a full engine computes 64 of them in a step. */
    private static List<Kind> kinds(double rows) {
        Random random = new Random(7);
        return IntStream.range(0, 500)
                .mapToObj(unused -> (long) Math.ceil(48 * Math.exp(random.nextGaussian() / 2)))
                .map(tokens -> new Kind(tokens, rows / 500, tokens * 0.05 / SEQUENCES, tokens * 0.05))
                .toList();
    }

    private static double work(List<TaskPartition> cuts) {
        return cuts.stream().mapToDouble(TaskPartition::work).sum();
    }
}
