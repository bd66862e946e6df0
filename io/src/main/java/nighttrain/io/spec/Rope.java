package nighttrain.io.spec;

/**
 * Rotary position embedding (arXiv 2104.09864).
 *
 * @param dims leading dimensions of a head that are turned by position; even
 * @param theta base of the frequencies
 * @param scaling how they are stretched
 */
public record Rope(int dims, double theta, Scaling scaling) {
    /** How rotary frequencies are stretched beyond the context a model was first trained on ({@code rope_scaling}). */
    public sealed interface Scaling {
        /** Frequencies as they are: {@code theta^(-2i/d)}. */
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
         * YaRN (arXiv 2309.00071): dimensions that turn more than {@code betaFast} times over {@code originalMaxPositions} keep their
         * frequency, those that turn less than {@code betaSlow} times have it divided by {@code factor}, those between are
         * interpolated by their number.
         *
         * @param truncate whether the numbers between which that happens are rounded outwards
         * @param attentionFactor of cosines and sines
         */
        record Yarn(
                double factor,
                double betaFast,
                double betaSlow,
                int originalMaxPositions,
                boolean truncate,
                double attentionFactor)
                implements Scaling {}
    }
}
