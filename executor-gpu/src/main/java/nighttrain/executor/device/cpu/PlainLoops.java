package nighttrain.executor.device.cpu;

/**
 * The loops in plain Java. Sums stay in local variables, and {@code Math.fma} is an instruction in HotSpot's interpreter and in C1,
 * too: interpreted, a multiply-add of a product takes some 20 ns, compiled by C1 0.4 ns.
 */
final class PlainLoops implements InnerLoops {
    /** Outputs of one tile of a matmul, and its rows. */
    private static final int TILE = 4;

    /** {@code -2 sqrt(2 / pi) (v + 0.044715 v^3)} is {@code (CUBIC v^2 + LINEAR) v}. */
    static final float GELU_LINEAR = (float) (-2 * Math.sqrt(2 / Math.PI));

    static final float GELU_CUBIC = (float) (-2 * Math.sqrt(2 / Math.PI) * 0.044715);

    @Override
    public int panel() {
        return TILE;
    }

    @Override
    public void product(
            float[] out,
            int o,
            int outStride,
            int kept,
            float[] x,
            int from,
            int xStride,
            int rows,
            float[] panel,
            int inputs,
            float[] bias,
            int b) {
        int row = 0;
        if (kept == TILE) {
            for (; row + TILE <= rows; row += TILE) {
                tile(out, o + row * outStride, outStride, x, from + row * xStride, xStride, panel, inputs, bias, b);
            }
        }
        for (; row < rows; row++) {
            single(out, o + row * outStride, kept, x, from + row * xStride, panel, inputs, bias, b);
        }
    }

    private static void tile(
            float[] out,
            int o,
            int outStride,
            float[] x,
            int from,
            int xStride,
            float[] w,
            int inputs,
            float[] bias,
            int b) {
        int x0 = from, x1 = x0 + xStride, x2 = x1 + xStride, x3 = x2 + xStride;
        float a0 = bias[b], a1 = bias[b + 1], a2 = bias[b + 2], a3 = bias[b + 3];
        float c0 = a0, c1 = a1, c2 = a2, c3 = a3;
        float d0 = a0, d1 = a1, d2 = a2, d3 = a3;
        float e0 = a0, e1 = a1, e2 = a2, e3 = a3;
        int end = inputs * TILE;
        for (int p = 0; p < end; ) {
            float w0 = w[p++], w1 = w[p++], w2 = w[p++], w3 = w[p++];
            float v = x[x0++];
            a0 = Math.fma(v, w0, a0);
            a1 = Math.fma(v, w1, a1);
            a2 = Math.fma(v, w2, a2);
            a3 = Math.fma(v, w3, a3);
            v = x[x1++];
            c0 = Math.fma(v, w0, c0);
            c1 = Math.fma(v, w1, c1);
            c2 = Math.fma(v, w2, c2);
            c3 = Math.fma(v, w3, c3);
            v = x[x2++];
            d0 = Math.fma(v, w0, d0);
            d1 = Math.fma(v, w1, d1);
            d2 = Math.fma(v, w2, d2);
            d3 = Math.fma(v, w3, d3);
            v = x[x3++];
            e0 = Math.fma(v, w0, e0);
            e1 = Math.fma(v, w1, e1);
            e2 = Math.fma(v, w2, e2);
            e3 = Math.fma(v, w3, e3);
        }
        store(out, o, TILE, a0, a1, a2, a3);
        store(out, o + outStride, TILE, c0, c1, c2, c3);
        store(out, o + 2 * outStride, TILE, d0, d1, d2, d3);
        store(out, o + 3 * outStride, TILE, e0, e1, e2, e3);
    }

    private static void single(
            float[] out, int o, int kept, float[] x, int from, float[] w, int inputs, float[] bias, int b) {
        float a0 = bias[b], a1 = bias[b + 1], a2 = bias[b + 2], a3 = bias[b + 3];
        int end = inputs * TILE;
        for (int i = from, p = 0; p < end; ) {
            float v = x[i++];
            a0 = Math.fma(v, w[p++], a0);
            a1 = Math.fma(v, w[p++], a1);
            a2 = Math.fma(v, w[p++], a2);
            a3 = Math.fma(v, w[p++], a3);
        }
        store(out, o, kept, a0, a1, a2, a3);
    }

    private static void store(float[] out, int o, int kept, float a0, float a1, float a2, float a3) {
        out[o] = a0;
        if (kept > 1) {
            out[o + 1] = a1;
        }
        if (kept > 2) {
            out[o + 2] = a2;
        }
        if (kept > 3) {
            out[o + 3] = a3;
        }
    }

    @Override
    public float sum(float[] x, int from, int count) {
        return FixedSums.of(x, from, count);
    }

    @Override
    public float sumOfSquares(float[] x, int from, int count) {
        return FixedSums.ofSquares(x, from, count);
    }

    @Override
    public void scale(float[] out, int o, float[] x, int from, int count, float factor, float[] weight, int w) {
        for (int c = 0; c < count; c++) {
            out[o + c] = x[from + c] * factor * weight[w + c];
        }
    }

    @Override
    public void siluMul(float[] out, int o, float[] x, int gate, int cols) {
        for (int c = 0; c < cols; c++) {
            out[o + c] = siluMul(x[gate + c], x[gate + cols + c]);
        }
    }

    static float siluMul(float gate, float up) {
        return gate / (Exponential.of(-gate) + 1f) * up;
    }

    @Override
    public void sigmoidMul(float[] x, int from, float[] gates, int g, int cols) {
        for (int c = 0; c < cols; c++) {
            x[from + c] = sigmoidMul(x[from + c], gates[g + c]);
        }
    }

    static float sigmoidMul(float x, float gate) {
        return x / (Exponential.of(-gate) + 1f);
    }

    @Override
    public void gelu(float[] x, int from, int cols) {
        for (int i = from; i < from + cols; i++) {
            x[i] = gelu(x[i]);
        }
    }

    /** {@code 0.5 (1 + tanh(z))} is {@code 1 / (1 + e^(-2 z))}. */
    static float gelu(float v) {
        return v / (Exponential.of(Math.fma(v * v, GELU_CUBIC, GELU_LINEAR) * v) + 1f);
    }

    @Override
    public void softCap(float[] x, int from, int cols, float cap) {
        float doubled = 2 / cap;
        for (int i = from; i < from + cols; i++) {
            x[i] = softCap(x[i], doubled, cap);
        }
    }

    /** {@code tanh(z)} is {@code 1 - 2 / (1 + e^(2 z))}; {@code doubled} is {@code 2 / cap}. */
    static float softCap(float v, float doubled, float cap) {
        return (1f - 2f / (Exponential.of(v * doubled) + 1f)) * cap;
    }

    @Override
    public void dotKeys(
            float[] scores, int s, float[] query, int q, float[] keys, int k, int positions, int headDim, float scale) {
        for (int j = 0; j < positions; j += TILE) {
            float a0 = 0, a1 = 0, a2 = 0, a3 = 0;
            for (int d = 0, at = k + j; d < headDim; d++, at += positions) {
                float v = query[q + d];
                a0 = Math.fma(v, keys[at], a0);
                a1 = Math.fma(v, keys[at + 1], a1);
                a2 = Math.fma(v, keys[at + 2], a2);
                a3 = Math.fma(v, keys[at + 3], a3);
            }
            store(scores, s + j, TILE, a0 * scale, a1 * scale, a2 * scale, a3 * scale);
        }
    }

    @Override
    public float exponentials(float[] weights, int length) {
        float max = Float.NEGATIVE_INFINITY;
        for (int j = 0; j < length; j++) {
            max = Math.max(max, weights[j]);
        }
        for (int j = 0; j < length; j++) {
            weights[j] = Exponential.of(weights[j] - max);
        }
        return sum(weights, 0, length);
    }

    @Override
    public void addValues(
            float[] out, int o, float[] weights, int w, int positions, float[] values, int v, int headDim) {
        int d = 0;
        for (; d + TILE <= headDim; d += TILE) {
            float a0 = out[o + d], a1 = out[o + d + 1], a2 = out[o + d + 2], a3 = out[o + d + 3];
            for (int j = 0, at = v + d; j < positions; j++, at += headDim) {
                float weight = weights[w + j];
                a0 = Math.fma(weight, values[at], a0);
                a1 = Math.fma(weight, values[at + 1], a1);
                a2 = Math.fma(weight, values[at + 2], a2);
                a3 = Math.fma(weight, values[at + 3], a3);
            }
            store(out, o + d, TILE, a0, a1, a2, a3);
        }
        for (; d < headDim; d++) {
            out[o + d] = addValue(out[o + d], weights, w, positions, values, v + d, headDim);
        }
    }

    /** One dimension of {@link #addValues}: {@code sum} and the values from {@code v} on, {@code stride} apart. */
    static float addValue(float sum, float[] weights, int w, int positions, float[] values, int v, int stride) {
        float all = sum;
        for (int j = 0; j < positions; j++) {
            all = Math.fma(weights[w + j], values[v + j * stride], all);
        }
        return all;
    }
}
