package nighttrain.pipeline.runreport;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.stream.DoubleStream;
import java.util.stream.IntStream;
import nighttrain.pipeline.runreport.DistributionSections.Bins;
import nighttrain.pipeline.write.Distribution;
import org.junit.jupiter.api.Test;

class BinsTest {
    @Test
    void lengthsHaveWholeBins() {
        Distribution lengths = distribution(IntStream.rangeClosed(3, 8).asDoubleStream());
        Bins bins = Bins.of(lengths, true);
        assertThat(bins.edges()).containsExactly(3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0);
        assertThat(lengths.counts(bins.edges())).containsExactly(1L, 1L, 1L, 1L, 1L, 1L);
    }

    @Test
    void aSingleValueHasABin() {
        Distribution one = distribution(DoubleStream.of(2.5));
        assertThat(Bins.of(one, false).edges())
                .hasSize(2)
                .first()
                .satisfies(edge -> assertThat(edge).isLessThanOrEqualTo(2.5));
        assertThat(one.counts(Bins.of(one, false).edges())).containsExactly(1L);
    }

    @Test
    void longTailsAreSeenWhole() {
        Distribution times = distribution(IntStream.rangeClosed(0, 400).mapToDouble(i -> Math.pow(10, i / 100.0)));
        Bins bins = Bins.of(times, false);
        assertThat(bins.logarithmic()).isTrue();
        assertThat(bins.edges().get(0)).isLessThanOrEqualTo(1);
        assertThat(bins.edges().get(bins.edges().size() - 1)).isGreaterThan(10_000);
        List<Long> counts = times.counts(bins.edges());
        assertThat(counts.stream().mapToLong(Long::longValue).sum()).isEqualTo(401);
        assertThat(counts.subList(0, 40)).allSatisfy(count -> assertThat(count).isBetween(9L, 11L));
    }

    private static Distribution distribution(DoubleStream values) {
        double[] sorted = values.sorted().toArray();
        List<Double> thousandths = IntStream.rangeClosed(0, 1000)
                .mapToObj(i -> sorted[Math.max(0, (int) Math.ceil(i / 1000.0 * sorted.length) - 1)])
                .toList();
        return new Distribution(thousandths, sorted.length);
    }
}
