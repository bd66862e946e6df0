package nighttrain.executor.device;

import java.util.List;

/** The kind of device on which the abstract device tests run. */
public interface TestBackend {
    /** Most tokens in a step. {@link #open} sizes devices for this and the limits below. */
    int MAX_TOKENS = 1024;

    int MAX_SEQUENCES = 64;
    int MAX_SAMPLES = 1024;
    int PAGE_TOKENS = 16;
    int PAGES_PER_SEQUENCE = MAX_TOKENS / PAGE_TOKENS;

    /** Most tokens of a sequence over all steps. */
    int MAX_LENGTH = 8 * MAX_TOKENS;

    /** Opens one device for each of {@code ranks} ranks. */
    List<Device> open(int ranks);

    /** Returns the most ranks that this machine can run. */
    int maxRanks();

    /** Returns the largest relative error {@code |out - expected| / |expected|} that the activations' type explains. */
    double tolerance();
}
