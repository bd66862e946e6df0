package nighttrain.pipeline.partition;

/** Numbers to shares of a whole, 0 to 1. */
final class Spread {
    private static final long GOLDEN_RATIO = 0x9e3779b97f4a7c15L;
    private static final double UNIT = 0x1p-53;

    private Spread() {}

    /** Multiples of the golden ratio: any run of numbers spreads more evenly than chance would have it (Knuth, 6.4). */
    static double evenly(long number) {
        return ofHash(number * GOLDEN_RATIO);
    }

    static double ofHash(long hash) {
        return (hash >>> 11) * UNIT;
    }
}
