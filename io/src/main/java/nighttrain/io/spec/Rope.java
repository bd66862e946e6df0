package nighttrain.io.spec;

/**
 * Rotary position embedding (arXiv 2104.09864).
 *
 * @param dims leading dimensions of a head that are turned by position; even
 * @param theta base of the frequencies
 * @param scaling how they are stretched
 */
public record Rope(int dims, double theta, RopeScaling scaling) {}
