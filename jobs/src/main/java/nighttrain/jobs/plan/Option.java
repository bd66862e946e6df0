package nighttrain.jobs.plan;

import java.util.Optional;
import nighttrain.jobs.compare.Layout;

/**
 * A layout that could be chosen for every node.
 *
 * @param layout replicas x ranks
 * @param expected what it would do; empty where it cannot work
 * @param why in words: what makes it fast or slow, or why it cannot work and what would make it
 */
public record Option(Layout layout, Optional<Expected> expected, String why) {
    public boolean works() {
        return expected.isPresent();
    }

    double rate() {
        return expected.map(Expected::totalTokensPerS).orElse(0.0);
    }
}
