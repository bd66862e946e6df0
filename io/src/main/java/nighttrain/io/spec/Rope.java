package nighttrain.io.spec;

import java.util.List;

/**
 * Rotary position embedding (arXiv 2104.09864).
 *
 * @param dims leading dimensions of a head that are rotated by position; even
 * @param theta base of the frequencies
 * @param scaling scaling of the frequencies
 */
public record Rope(int dims, double theta, Scaling scaling) {
    /** The scaling of rotary frequencies beyond the context a model was first trained on ({@code rope_scaling}). */
    public sealed interface Scaling {
        /** Unscaled frequencies: {@code theta^(-2i/d)}. */
        record None() implements Scaling {}

        /** Every frequency divided by {@code factor} (position interpolation, arXiv 2306.15595). */
        record Linear(double factor) implements Scaling {}

        /**
         * Llama 3.1: low frequencies divided by {@code factor}, high ones kept, those between interpolated by wavelength against
         * {@code originalMaxPositions}.
         */
        record Llama3(double factor, double lowFrequencyFactor, double highFrequencyFactor, int originalMaxPositions)
                implements Scaling {}

        /**
         * YaRN (arXiv 2309.00071): dimensions that rotate more than {@code betaFast} times over {@code originalMaxPositions} keep their frequency;
         * those that rotate less than {@code betaSlow} times have it divided by {@code factor}; those between are interpolated by their index.
         *
         * @param truncate whether the two bounds of that interpolation are rounded outwards
         * @param attentionFactor factor of cosines and sines
         */
        record Yarn(
                double factor,
                double betaFast,
                double betaSlow,
                int originalMaxPositions,
                boolean truncate,
                double attentionFactor)
                implements Scaling {}

        /**
         * LongRoPE (arXiv 2402.13753): each frequency divided by its own factor, one of {@code shortFactors} where no context exceeds
         * {@code originalMaxPositions}, else one of {@code longFactors}.
         *
         * @param attentionFactor factor of cosines and sines
         */
        record LongRope(
                List<Double> shortFactors, List<Double> longFactors, int originalMaxPositions, double attentionFactor)
                implements Scaling {}
    }
}
