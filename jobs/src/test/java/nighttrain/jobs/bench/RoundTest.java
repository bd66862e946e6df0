package nighttrain.jobs.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.List;
import java.util.Optional;
import java.util.stream.DoubleStream;
import nighttrain.executor.request.EngineStats;
import nighttrain.executor.request.EngineStats.Experts;
import nighttrain.executor.request.EngineStats.Pages;
import nighttrain.executor.request.EngineStats.Steps;
import nighttrain.executor.request.EngineStats.Tokens;
import nighttrain.executor.request.Generation;
import nighttrain.executor.request.Generation.FinishReason;
import nighttrain.io.table.Percentiles;
import org.junit.jupiter.api.Test;

class RoundTest {
    private static final EngineStats BEFORE = stats(10, 4_000_000_000L, 1_000_000_000L, 2);
    private static final EngineStats AFTER = stats(17, 6_000_000_000L, 1_500_000_000L, 3);

    @Test
    void addsUpAnswersAndCounters() {
        Round round = Round.of(List.of(answer(7, 3, 10, 30), answer(5, 3, 20, 60)), 2_500_000_000L, BEFORE, AFTER);

        assertThat(round.requests()).isEqualTo(2);
        assertThat(round.wallS()).isEqualTo(2.5);
        assertThat(round.promptTokens()).isEqualTo(12);
        assertThat(round.outputTokens()).isEqualTo(6);
        assertThat(round.totalTokens()).isEqualTo(18);
        assertThat(round.steps()).isEqualTo(7);
        assertThat(round.preemptions()).isEqualTo(1);
        assertThat(round.stepS()).isEqualTo(2);
        assertThat(round.commShare()).isEqualTo(0.25);
        assertThat(round.ttftMs()).isEqualTo(new Percentiles(15.0, 19.0, 19.9));
        assertThat(round.tpotMs()).isEqualTo(new Percentiles(15.0, 19.0, 19.9)); // (30-10)/2 and (60-20)/2
        assertThat(round.e2eMs()).isEqualTo(new Percentiles(45.0, 57.0, 59.7));
    }

    @Test
    void oneTokenHasNoTimePerTokenAfterTheFirst() {
        Round round = Round.of(List.of(answer(7, 1, 10, 10)), 1, BEFORE, AFTER);

        assertThat(round.tpotMs()).isEqualTo(new Percentiles(null, null, null));
        assertThat(round.ttftMs()).isEqualTo(round.e2eMs());
    }

    @Test
    void percentilesAreThoseOfNumpy() {
        Percentiles found = Percentiles.of(DoubleStream.of(4, 1, 3, 2)); // numpy.percentile([1, 2, 3, 4], ...)

        assertThat(found.p50()).isEqualTo(2.5);
        assertThat(found.p90()).isCloseTo(3.7, within(1e-12));
        assertThat(found.p99()).isCloseTo(3.97, within(1e-12));
    }

    @Test
    void theMedianIsTheMiddleInAnyOrder() {
        assertThat(Percentiles.median(9)).isEqualTo(9);
        assertThat(Percentiles.median(9, 1, 5)).isEqualTo(5);
        assertThat(Percentiles.median(9, 1, 5, 6)).isEqualTo(5.5);
    }

    private static Generation answer(int promptTokens, int outputTokens, long firstMs, long lastMs) {
        long submitted = 1_000;
        return new Generation(
                0,
                new int[outputTokens],
                FinishReason.LENGTH,
                Optional.empty(),
                List.of(),
                List.of(),
                List.of(),
                promptTokens,
                0,
                submitted,
                submitted + firstMs * 1_000_000,
                submitted + lastMs * 1_000_000);
    }

    private static EngineStats stats(long steps, long stepNanos, long commNanos, long preemptions) {
        return new EngineStats(
                0,
                0,
                0,
                preemptions,
                new Tokens(0, 0, 0),
                new Steps(steps, stepNanos, stepNanos, commNanos),
                new Pages(0, 1),
                Experts.NONE);
    }
}
