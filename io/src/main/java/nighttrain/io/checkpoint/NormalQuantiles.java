package nighttrain.io.checkpoint;

/** The standard normal distribution as 2^16 equally likely values: a table look-up turns 16 random bits into a draw. */
final class NormalQuantiles {
    static final float[] VALUES = values();

    private NormalQuantiles() {}

    private static float[] values() {
        float[] values = new float[1 << 16];
        int half = values.length / 2;
        for (int i = 0; i < half; i++) {
            double quantile = quantile((half + i + 0.5) / values.length);
            values[half + i] = (float) quantile;
            values[half - 1 - i] = (float) -quantile;
        }
        return values;
    }

    /** Abramowitz and Stegun 26.2.23, for probabilities from 0.5; absolute error below 4.5e-4. */
    private static double quantile(double probability) {
        double t = Math.sqrt(-2 * Math.log(1 - probability));
        double above = 2.515517 + t * (0.802853 + t * 0.010328);
        double below = 1 + t * (1.432788 + t * (0.189269 + t * 0.001308));
        return t - above / below;
    }
}
