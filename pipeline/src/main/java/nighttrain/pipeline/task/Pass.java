package nighttrain.pipeline.task;

import java.io.Serializable;

/**
 * One of the two times that a run goes over the rows that are left: first in company, without the suspicious ones, then these,
 * each alone on its executor.
 *
 * @param alone which of the two
 * @param tries what happened to rows before
 * @param endMs when the last row is to be finished, in milliseconds since 1970; {@link Long#MAX_VALUE}: no matter when
 */
public record Pass(boolean alone, AttemptCounts tries, long endMs) implements Serializable {
    /** In names of files. */
    String letter() {
        return alone ? "a" : "p";
    }
}
