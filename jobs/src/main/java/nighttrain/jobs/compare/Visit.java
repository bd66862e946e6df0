package nighttrain.jobs.compare;

import java.io.Serializable;

/**
 * One way to open an engine.
 *
 * @param contender the model's name
 * @param layout of its devices
 * @param bound without sums over ranks: the answers are wrong, the time is what communication is held against
 */
public record Visit(String contender, Layout layout, boolean bound) implements Serializable {
    /** {@code track-d8 1x4}. */
    @Override
    public String toString() {
        return contender + " " + layout + (bound ? " without sums" : "");
    }
}
