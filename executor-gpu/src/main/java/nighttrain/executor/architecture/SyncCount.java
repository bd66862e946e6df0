package nighttrain.executor.architecture;

import java.util.Collections;

/**
 * The sums of one forward pass, counted by a {@link DryRun}.
 *
 * @param blocking sums that the next module waits for
 * @param overlapped sums that travel while at least one module computes
 */
public record SyncCount(int blocking, int overlapped) {
    /** Counts for a model of {@code layers} layers. */
    public static SyncCount of(Architecture architecture, int layers) {
        return DryRun.of(architecture, Collections.nCopies(layers, DryRun.Layer.PLAIN))
                .syncs();
    }

    /** All sums. */
    public int total() {
        return blocking + overlapped;
    }
}
