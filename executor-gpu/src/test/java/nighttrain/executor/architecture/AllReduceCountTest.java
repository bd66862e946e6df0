package nighttrain.executor.architecture;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Collections;
import nighttrain.executor.architecture.DryRun.AllReduceCount;
import nighttrain.executor.architecture.DryRun.Layer;
import nighttrain.io.spec.Wiring.Combine;
import org.junit.jupiter.api.Test;

/** Sums only where the equations say, and only those waited for that must be. */
class AllReduceCountTest {
    private static final int L = 48;

    @Test
    void sumsAreWhereTheEquationsSay() {
        assertThat(AllReduceCount.of(new DenseTensorParallel(), L)).isEqualTo(new AllReduceCount(2 * L, 0));
        assertThat(AllReduceCount.of(new ParallelBlock(), L)).isEqualTo(new AllReduceCount(L, 0));
        assertThat(AllReduceCount.of(new ParallelTrack(8, 4, Combine.MEAN), L)).isEqualTo(new AllReduceCount(L / 4, 0));
        assertThat(AllReduceCount.of(new Kraken(8), L)).isEqualTo(new AllReduceCount(1, L - 1));
        assertThat(AllReduceCount.of(new DesyncResidual(8, 1), L)).isEqualTo(new AllReduceCount(2 * L, 0));
        assertThat(AllReduceCount.of(new DesyncResidual(8, 4), L)).isEqualTo(new AllReduceCount(L / 2, 0));
        assertThat(AllReduceCount.of(new DesyncResidual(8, 5), L))
                .as("19 times five modules, and the last")
                .isEqualTo(new AllReduceCount(20, 0));
    }

    /** Of the last pair, attention's sum still travels while the last MLP computes; the MLP's own has nothing to hide behind. */
    @Test
    void aLadderOverlapsAllButItsLastSum() {
        assertThat(AllReduceCount.of(new LadderResidual(L), L)).isEqualTo(new AllReduceCount(1, 2 * L - 1));
        assertThat(AllReduceCount.of(new LadderResidual(0), L)).isEqualTo(new AllReduceCount(2 * L, 0));
    }

    /** Those of the first d layers arrive after d layers, too, where they were also waited for. */
    @Test
    void aDelayedAllReduceWaitsForItsLastSumAlone() {
        int d = 2;
        assertThat(AllReduceCount.of(new DelayedAllReduce(8, d, false, false), L))
                .isEqualTo(new AllReduceCount(1, 2 * (L - d)));
        assertThat(AllReduceCount.of(new DelayedAllReduce(8, d, true, true), L))
                .isEqualTo(new AllReduceCount(2 * d + 1, 2 * (L - d)));
        assertThat(AllReduceCount.of(new DelayedAllReduce(8, L, false, false), L))
                .isEqualTo(new AllReduceCount(1, 0));
    }

    /** Of a prompt's step: behind the last mixer, so of tracks and Krakens one. */
    @Test
    void theLastOnesCarryOutputRows() {
        assertThat(ofOutputRows(new DenseTensorParallel())).isEqualTo(new AllReduceCount(2, 0));
        assertThat(ofOutputRows(new ParallelBlock())).isEqualTo(new AllReduceCount(1, 0));
        assertThat(ofOutputRows(new ParallelTrack(8, 4, Combine.MEAN))).isEqualTo(new AllReduceCount(1, 0));
        assertThat(ofOutputRows(new LadderResidual(L))).isEqualTo(new AllReduceCount(1, 1));
        assertThat(ofOutputRows(new Kraken(8))).isEqualTo(new AllReduceCount(1, 0));
    }

    private static AllReduceCount ofOutputRows(Architecture architecture) {
        return DryRun.of(architecture, Collections.nCopies(L, Layer.PLAIN)).ofOutputRows();
    }

    /** The last dense MLP's sum already travels while the first ladder layer's attention computes. */
    @Test
    void aHybridLadderOverlapsItsLadderLayers() {
        int k = 16;
        assertThat(AllReduceCount.of(new LadderResidual(k), L)).isEqualTo(new AllReduceCount(2 * (L - k), 2 * k));
    }
}
