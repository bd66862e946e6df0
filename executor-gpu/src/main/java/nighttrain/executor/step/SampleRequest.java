package nighttrain.executor.step;

import java.util.Optional;
import nighttrain.executor.request.SamplingParams;

/**
 * How to sample one token; or a given token whose log-probability alone is wanted.
 *
 * @param sampling the request's settings
 * @param seed the request's seed
 * @param history the sequence's tokens so far, prompt then output; may be longer than {@code length}
 * @param promptLength how many tokens of {@code history} are the prompt
 * @param length how many tokens of {@code history} precede the token: its position
 * @param given the token whose log-probability is wanted; {@link #NONE} if a token is to be sampled
 * @param mask which tokens may be sampled; all if there is no mask
 */
public record SampleRequest(
        SamplingParams sampling,
        long seed,
        int[] history,
        int promptLength,
        int length,
        int given,
        Optional<SampleMask> mask) {
    /** The value of {@code given} if a token is to be sampled. */
    public static final int NONE = -1;

    /** Makes a request without a mask. */
    public SampleRequest(SamplingParams sampling, long seed, int[] history, int promptLength, int length, int given) {
        this(sampling, seed, history, promptLength, length, given, Optional.empty());
    }

    /** Returns a request that takes the most likely token, without a history. */
    public static SampleRequest likeliest() {
        return new SampleRequest(SamplingParams.greedy(1), 0, new int[0], 0, 0, NONE);
    }

    /**
     * Returns a uniform number in [0, 1) that depends on seed and position alone, so that a retry or another batch samples the same token:
     * SplitMix64's finaliser over a counter (Steele et al., OOPSLA 2014).
     */
    public double uniform() {
        long z = mix(seed + 0x9E3779B97F4A7C15L * (length + 1L));
        return (mix(z) >>> 11) * 0x1.0p-53;
    }

    private static long mix(long value) {
        long z = (value ^ (value >>> 30)) * 0xBF58476D1CE4E5B9L;
        z = (z ^ (z >>> 27)) * 0x94D049BB133111EBL;
        return z ^ (z >>> 31);
    }
}
