package nighttrain.executor.device.cpu;

/**
 * {@code e^x} in fp32, within 1 ulp; {@link VectorLoops} has the same for vectors. The vector API's exponential differs between interpreted and
 * compiled code, and so between the first rows of a process and later ones. This one consists of operations that are rounded exactly wherever they
 * run.
 *
 * <p>{@code x = n ln 2 + r}, {@code e^x = 2^n e^r} with a polynomial for {@code |r| <= ln 2 / 2}; {@code 2^n} is applied in two factors, so that
 * results below the smallest normal number are rounded once.
 */
@SuppressWarnings("FloatingPointLiteralPrecision") // the coefficients as published
final class Exponential {
    /** Above this {@code e^x} is infinite; below {@link #LOWEST} it is 0. */
    static final float HIGHEST = 89f;

    static final float LOWEST = -104f;
    static final float LOG2_E = 1.44269504f;

    /** 1.5 * 2^23. Adding a number of moderate size to it rounds that number to an integer, which the low bits of the sum hold. */
    static final float ROUND = 12_582_912f;

    /** {@code ln 2} in two parts. The first part times any n is exact. */
    static final float LN_2_HIGH = 0.693359375f;

    static final float LN_2_LOW = -2.12194440e-4f;

    /** {@code e^r = 1 + r + r^2 (C2 + r (C3 + ...))}; S. L. Moshier's coefficients (Cephes, expf). */
    static final float C2 = 5.0000001201e-1f;

    static final float C3 = 1.6666665459e-1f;
    static final float C4 = 4.1665795894e-2f;
    static final float C5 = 8.3334519073e-3f;
    static final float C6 = 1.3981999507e-3f;
    static final float C7 = 1.9875691500e-4f;

    static final int EXPONENT_BIAS = 127;
    static final int MANTISSA_BITS = 23;

    private Exponential() {}

    static float of(float x) {
        float bounded = x > HIGHEST ? HIGHEST : x;
        bounded = bounded < LOWEST ? LOWEST : bounded;
        float rounded = Math.fma(bounded, LOG2_E, ROUND);
        float n = rounded - ROUND;
        float r = Math.fma(n, -LN_2_HIGH, bounded);
        r = Math.fma(n, -LN_2_LOW, r);
        float p = Math.fma(r, C7, C6);
        p = Math.fma(p, r, C5);
        p = Math.fma(p, r, C4);
        p = Math.fma(p, r, C3);
        p = Math.fma(p, r, C2);
        p = Math.fma(p, r * r, r) + 1f;
        int exponent = Float.floatToRawIntBits(rounded) - Float.floatToRawIntBits(ROUND);
        int half = exponent >> 1;
        return p * powerOf2(half) * powerOf2(exponent - half);
    }

    private static float powerOf2(int exponent) {
        return Float.intBitsToFloat((exponent + EXPONENT_BIAS) << MANTISSA_BITS);
    }
}
