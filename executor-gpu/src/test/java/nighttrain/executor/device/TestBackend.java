package nighttrain.executor.device;

import java.util.List;

/** Where the abstract tests of the seam run. */
public interface TestBackend {
    /** What the devices of {@link #open} are sized for. */
    int MAX_TOKENS = 1024;

    int MAX_SEQUENCES = 64;
    int MAX_SAMPLES = 1024;
    int PAGE_TOKENS = 16;
    int PAGES_PER_SEQUENCE = MAX_TOKENS / PAGE_TOKENS;

    /** Longest sequence, over all steps. */
    int MAX_LENGTH = 8 * MAX_TOKENS;

    /** The devices of that many ranks. */
    List<Device> open(int ranks);

    /** Most ranks that this machine can hold. */
    int maxRanks();

    /** Whether attention takes sinks. */
    default boolean hasSinks() {
        return false;
    }

    /** Largest relative error {@code |out - expected| / |expected|} that the type of activations accounts for. */
    double tolerance();
}
