package nighttrain.io.spec;

/** How rotary frequencies are stretched beyond the context a model was first trained on ({@code rope_scaling}). */
public sealed interface RopeScaling {
    /** Frequencies as they are: {@code theta^(-2i/d)}. */
    record None() implements RopeScaling {}

    /** Every frequency divided by {@code factor} (position interpolation, arXiv 2306.15595). */
    record Linear(double factor) implements RopeScaling {}

    /**
     * Llama 3.1: low frequencies divided by {@code factor}, high ones kept, those between interpolated by wavelength against
     * {@code originalMaxPositions}.
     */
    record Llama3(double factor, double lowFrequencyFactor, double highFrequencyFactor, int originalMaxPositions)
            implements RopeScaling {}
}
