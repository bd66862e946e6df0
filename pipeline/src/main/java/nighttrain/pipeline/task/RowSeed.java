package nighttrain.pipeline.task;

import java.nio.charset.StandardCharsets;

/** Seeds of rows: the same for the same job seed, row and sample, whatever task or executor computes it. */
final class RowSeed {
    private static final long GOLDEN_RATIO = 0x9e3779b97f4a7c15L;
    private static final long FNV_PRIME = 0x100000001b3L;

    private RowSeed() {}

    static long of(long jobSeed, String id, int sample) {
        long hash = mix(jobSeed + GOLDEN_RATIO);
        for (byte next : id.getBytes(StandardCharsets.UTF_8)) {
            hash = (hash ^ (next & 0xff)) * FNV_PRIME;
        }
        return mix(mix(hash) + (sample + 1) * GOLDEN_RATIO);
    }

    /** The finaliser of SplitMix64 (Steele, Lea, Flood 2014): every input bit changes half of the output bits. */
    private static long mix(long bits) {
        long z = (bits ^ (bits >>> 30)) * 0xbf58476d1ce4e5b9L;
        z = (z ^ (z >>> 27)) * 0x94d049bb133111ebL;
        return z ^ (z >>> 31);
    }
}
