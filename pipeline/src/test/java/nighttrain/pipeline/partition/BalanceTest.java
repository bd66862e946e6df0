package nighttrain.pipeline.partition;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.Random;
import nighttrain.pipeline.partition.RowSimulation.Outcome;
import org.junit.jupiter.api.Test;

/** Simulates how a run ends, with the partition plan's own decisions: no engine, no Spark, no clock. */
class BalanceTest {
    private static final double LAST = 0.05;
    private static final int[] ONE_IS_SLOW = {1, 1, 1, 4};

    @Test
    void aSlowExecutorDoesNotHoldTheEnd() {
        int[] lengths = logNormal(120_000, Integer.MAX_VALUE);
        Outcome outcome = new RowSimulation(seen(lengths), lengths, new Slots(4, 4, 64), ONE_IS_SLOW).run();
        assertThat(outcome.busyInLast(LAST)).isGreaterThan(0.9);
        assertThat(outcome.busyInLast(1)).isGreaterThan(0.99);
    }

    @Test
    void norWhereLengthsCannotBeForeseenAndTheNightIsLong() {
        int[] lengths = logNormal(1_000_000, 256);
        Outcome outcome = new RowSimulation(alike(lengths.length), lengths, new Slots(4, 4, 64), ONE_IS_SLOW).run();
        assertThat(outcome.busyInLast(LAST)).isGreaterThan(0.9);
    }

    @Test
    void thirtyTwoExecutorsDoThirtyTwoTimesAsMuch() {
        assertThat(tokensPerStep(32) / tokensPerStep(1)).isGreaterThan(0.97 * 32);
    }

    @Test
    void tasksAreFew() {
        int[] lengths = logNormal(120_000, Integer.MAX_VALUE);
        assertThat(new RowSimulation(seen(lengths), lengths, new Slots(4, 4, 64), ONE_IS_SLOW)
                        .run()
                        .tasks())
                .isBetween(100, 1000);
    }

    private static double tokensPerStep(int engines) {
        int[] lengths = logNormal(engines * 20_000, Integer.MAX_VALUE);
        int[] alike = new int[engines];
        Arrays.fill(alike, 1);
        Outcome outcome = new RowSimulation(seen(lengths), lengths, new Slots(engines, 4, 64), alike).run();
        return (double) Arrays.stream(lengths).asLongStream().sum() / outcome.steps();
    }

    private static long[] seen(int[] lengths) {
        return Arrays.stream(lengths).asLongStream().toArray();
    }

    private static long[] alike(int rows) {
        long[] estimates = new long[rows];
        Arrays.fill(estimates, 256);
        return estimates;
    }

    private static int[] logNormal(int rows, int most) {
        Random random = new Random(7);
        return random.ints(rows)
                .map(unused -> (int) Math.min(most, Math.ceil(48 * Math.exp(random.nextGaussian()))))
                .toArray();
    }
}
