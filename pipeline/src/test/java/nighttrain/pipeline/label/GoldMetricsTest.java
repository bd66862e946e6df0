package nighttrain.pipeline.label;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.List;
import nighttrain.pipeline.label.GoldMetrics.Bin;
import nighttrain.pipeline.label.GoldMetrics.OfLabel;
import org.junit.jupiter.api.Test;

class GoldMetricsTest {
    /** Label a: 3 of 5 right, 1 abstained; b: 4 of 4 right; c: its one row is wrong; d: does not occur. */
    private final GoldMetrics metrics = new GoldMetrics(
            List.of("a", "b", "c", "d"),
            new long[][] {{3, 1, 0, 0}, {0, 4, 0, 0}, {1, 0, 0, 0}, {0, 0, 0, 0}},
            new long[] {1, 0, 0, 0});

    @Test
    void ofAllLabels() {
        assertThat(metrics.answered()).isEqualTo(9);
        assertThat(metrics.coverage()).isEqualTo(0.9);
        assertThat(metrics.accuracy()).isEqualTo(7 / 9.0);
        assertThat(metrics.macroF1()).isCloseTo((2 * 3 / 9.0 + 2 * 4 / 9.0 + 0) / 3, within(1e-15));
    }

    @Test
    void ofEachLabel() {
        List<OfLabel> labels = metrics.perLabel();
        assertThat(labels.get(0)).isEqualTo(new OfLabel("a", 5, 4, 0.75, 0.6, 6 / 9.0));
        assertThat(labels.get(1)).isEqualTo(new OfLabel("b", 4, 5, 0.8, 1, 8 / 9.0));
        assertThat(labels.get(2)).isEqualTo(new OfLabel("c", 1, 0, Double.NaN, 0, 0));
        assertThat(labels.get(3)).isEqualTo(new OfLabel("d", 0, 0, Double.NaN, Double.NaN, Double.NaN));
    }

    @Test
    void calibration() {
        Bin none = new Bin(0, Double.NaN, Double.NaN);
        assertThat(GoldMetrics.ece(List.of(new Bin(6, 0.55, 0.5), none, new Bin(4, 0.95, 1))))
                .isCloseTo(0.05, within(1e-12));
        assertThat(GoldMetrics.ece(List.of(none))).isNaN();
    }
}
