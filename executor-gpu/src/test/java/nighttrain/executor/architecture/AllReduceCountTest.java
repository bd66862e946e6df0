package nighttrain.executor.architecture;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Collections;
import nighttrain.executor.architecture.DryRun.AllReduceCount;
import nighttrain.executor.architecture.DryRun.Layer;
import nighttrain.io.spec.Wiring.Combine;
import org.junit.jupiter.api.Test;

/** All-reduces occur only where the equations have them, and a rank waits only for those it must. */
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

    /** The last attention's all-reduce overlaps the last MLP; the all-reduce of that MLP has no work to overlap. */
    @Test
    void aLadderOverlapsAllButItsLastSum() {
        assertThat(AllReduceCount.of(new LadderResidual(L), L)).isEqualTo(new AllReduceCount(1, 2 * L - 1));
        assertThat(AllReduceCount.of(new LadderResidual(0), L)).isEqualTo(new AllReduceCount(2 * L, 0));
    }

    /** All-reduces of the first d layers also arrive d layers later, in the variant that already waits for them. */
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

    /** In a prompt's step all-reduces after the last mixer carry output rows only; for tracks and Kraken that is one. */
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

    /** The last dense MLP's all-reduce already overlaps the attention of the first ladder layer. */
    @Test
    void aHybridLadderOverlapsItsLadderLayers() {
        int k = 16;
        assertThat(AllReduceCount.of(new LadderResidual(k), L)).isEqualTo(new AllReduceCount(2 * (L - k), 2 * k));
    }
}
