package nighttrain.executor.device.cpu;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/** The loops in vectors as wide as the machine's. The remainder at the end of a row is computed with the operations of {@link PlainLoops}. */
final class VectorLoops implements InnerLoops {
    /** At most 16 lanes, so that lengths that are multiples of 16 are whole vectors. */
    private static final VectorSpecies<Float> SPECIES =
            FloatVector.SPECIES_PREFERRED.length() > 16 ? FloatVector.SPECIES_512 : FloatVector.SPECIES_PREFERRED;

    private static final int LANES = SPECIES.length();

    /** Rows of one tile of a product: 12 accumulators, 2 weights and a broadcast fill AVX2's 16 registers. */
    private static final int TILE = 6;

    /** Two vectors. */
    @Override
    public int panel() {
        return 2 * LANES;
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
        if (kept == 2 * LANES) {
            for (; row + 1 < rows; row += TILE) {
                int left = Math.min(TILE, rows - row);
                tile(
                        out,
                        o + row * outStride,
                        outStride,
                        x,
                        from + row * xStride,
                        xStride,
                        left,
                        panel,
                        inputs,
                        bias,
                        b);
            }
        }
        for (; row < rows; row++) {
            single(out, o + row * outStride, kept, x, from + row * xStride, panel, inputs, bias, b);
        }
    }

    /** Multiplies up to {@link #TILE} rows. If fewer are left, the last one is computed several times, which costs less than single rows. */
    private static void tile(
            float[] out,
            int o0,
            int oStride,
            float[] x,
            int x0,
            int xStride,
            int rows,
            float[] w,
            int inputs,
            float[] bias,
            int b) {
        int xLast = x0 + (rows - 1) * xStride;
        int oLast = o0 + (rows - 1) * oStride;
        int x1 = Math.min(x0 + xStride, xLast), x2 = Math.min(x1 + xStride, xLast), x3 = Math.min(x2 + xStride, xLast);
        int x4 = Math.min(x3 + xStride, xLast), x5 = Math.min(x4 + xStride, xLast);
        FloatVector biasLow = FloatVector.fromArray(SPECIES, bias, b);
        FloatVector biasHigh = FloatVector.fromArray(SPECIES, bias, b + LANES);
        FloatVector a0 = biasLow, a1 = biasLow, a2 = biasLow, a3 = biasLow, a4 = biasLow, a5 = biasLow;
        FloatVector c0 = biasHigh, c1 = biasHigh, c2 = biasHigh, c3 = biasHigh, c4 = biasHigh, c5 = biasHigh;
        for (int i = 0, p = 0; i < inputs; i++, p += 2 * LANES) {
            FloatVector low = FloatVector.fromArray(SPECIES, w, p);
            FloatVector high = FloatVector.fromArray(SPECIES, w, p + LANES);
            FloatVector v = FloatVector.broadcast(SPECIES, x[x0 + i]);
            a0 = v.fma(low, a0);
            c0 = v.fma(high, c0);
            v = FloatVector.broadcast(SPECIES, x[x1 + i]);
            a1 = v.fma(low, a1);
            c1 = v.fma(high, c1);
            v = FloatVector.broadcast(SPECIES, x[x2 + i]);
            a2 = v.fma(low, a2);
            c2 = v.fma(high, c2);
            v = FloatVector.broadcast(SPECIES, x[x3 + i]);
            a3 = v.fma(low, a3);
            c3 = v.fma(high, c3);
            v = FloatVector.broadcast(SPECIES, x[x4 + i]);
            a4 = v.fma(low, a4);
            c4 = v.fma(high, c4);
            v = FloatVector.broadcast(SPECIES, x[x5 + i]);
            a5 = v.fma(low, a5);
            c5 = v.fma(high, c5);
        }
        store(out, o0, a0, c0);
        store(out, Math.min(o0 + oStride, oLast), a1, c1);
        store(out, Math.min(o0 + 2 * oStride, oLast), a2, c2);
        store(out, Math.min(o0 + 3 * oStride, oLast), a3, c3);
        store(out, Math.min(o0 + 4 * oStride, oLast), a4, c4);
        store(out, Math.min(o0 + 5 * oStride, oLast), a5, c5);
    }

    private static void single(
            float[] out, int o, int kept, float[] x, int x0, float[] w, int inputs, float[] bias, int b) {
        FloatVector a = FloatVector.fromArray(SPECIES, bias, b);
        FloatVector c = FloatVector.fromArray(SPECIES, bias, b + LANES);
        for (int i = 0, p = 0; i < inputs; i++, p += 2 * LANES) {
            FloatVector v = FloatVector.broadcast(SPECIES, x[x0 + i]);
            a = v.fma(FloatVector.fromArray(SPECIES, w, p), a);
            c = v.fma(FloatVector.fromArray(SPECIES, w, p + LANES), c);
        }
        if (kept == 2 * LANES) {
            store(out, o, a, c);
        } else {
            a.intoArray(out, o, SPECIES.indexInRange(0, kept));
            if (kept > LANES) {
                c.intoArray(out, o + LANES, SPECIES.indexInRange(0, kept - LANES));
            }
        }
    }

    private static void store(float[] out, int o, FloatVector low, FloatVector high) {
        low.intoArray(out, o);
        high.intoArray(out, o + LANES);
    }

    /** Sums in vectors that hold all chains of a fixed sum, or half of them. With narrower vectors the plain loops are as fast. */
    @Override
    public float sum(float[] x, int from, int count) {
        if (LANES * 2 < FixedSums.CHAINS) {
            return FixedSums.of(x, from, count);
        }
        FloatVector low = FloatVector.zero(SPECIES);
        FloatVector high = FloatVector.zero(SPECIES);
        for (int i = from; i < from + count; i += FixedSums.CHAINS) {
            low = low.add(FloatVector.fromArray(SPECIES, x, i));
            if (LANES < FixedSums.CHAINS) {
                high = high.add(FloatVector.fromArray(SPECIES, x, i + LANES));
            }
        }
        return FixedSums.tree(chains(low, high));
    }

    @Override
    public float sumOfSquares(float[] x, int from, int count) {
        if (LANES * 2 < FixedSums.CHAINS) {
            return FixedSums.ofSquares(x, from, count);
        }
        int whole = count / FixedSums.CHAINS * FixedSums.CHAINS;
        FloatVector low = FloatVector.zero(SPECIES);
        FloatVector high = FloatVector.zero(SPECIES);
        for (int i = from; i < from + whole; i += FixedSums.CHAINS) {
            FloatVector v = FloatVector.fromArray(SPECIES, x, i);
            low = v.fma(v, low);
            if (LANES < FixedSums.CHAINS) {
                v = FloatVector.fromArray(SPECIES, x, i + LANES);
                high = v.fma(v, high);
            }
        }
        float[] chains = chains(low, high);
        for (int c = 0, i = from + whole; i < from + count; c++, i++) {
            chains[c] = Math.fma(x[i], x[i], chains[c]);
        }
        return FixedSums.tree(chains);
    }

    private static float[] chains(FloatVector low, FloatVector high) {
        float[] chains = new float[FixedSums.CHAINS];
        low.intoArray(chains, 0);
        if (LANES < FixedSums.CHAINS) {
            high.intoArray(chains, LANES);
        }
        return chains;
    }

    @Override
    public void scale(float[] out, int o, float[] x, int from, int count, float factor, float[] weight, int w) {
        int c = 0;
        for (; c + LANES <= count; c += LANES) {
            FloatVector.fromArray(SPECIES, x, from + c)
                    .mul(factor)
                    .mul(FloatVector.fromArray(SPECIES, weight, w + c))
                    .intoArray(out, o + c);
        }
        for (; c < count; c++) {
            out[o + c] = x[from + c] * factor * weight[w + c];
        }
    }

    @Override
    public void siluMul(float[] out, int o, float[] x, int gate, int cols) {
        int up = gate + cols;
        int c = 0;
        for (; c + LANES <= cols; c += LANES) {
            FloatVector g = FloatVector.fromArray(SPECIES, x, gate + c);
            FloatVector one = FloatVector.broadcast(SPECIES, 1f);
            g.div(exponential(g.neg()).add(one))
                    .mul(FloatVector.fromArray(SPECIES, x, up + c))
                    .intoArray(out, o + c);
        }
        for (; c < cols; c++) {
            out[o + c] = PlainLoops.siluMul(x[gate + c], x[up + c]);
        }
    }

    @Override
    public void sigmoidMul(float[] x, int from, float[] gates, int g, int cols) {
        int c = 0;
        for (; c + LANES <= cols; c += LANES) {
            FloatVector gate = FloatVector.fromArray(SPECIES, gates, g + c);
            FloatVector.fromArray(SPECIES, x, from + c)
                    .div(exponential(gate.neg()).add(1f))
                    .intoArray(x, from + c);
        }
        for (; c < cols; c++) {
            x[from + c] = PlainLoops.sigmoidMul(x[from + c], gates[g + c]);
        }
    }

    @Override
    public void gelu(float[] x, int from, int cols) {
        int end = from + cols;
        int i = from;
        for (; i + LANES <= end; i += LANES) {
            FloatVector v = FloatVector.fromArray(SPECIES, x, i);
            FloatVector z = v.mul(v)
                    .fma(
                            FloatVector.broadcast(SPECIES, PlainLoops.GELU_CUBIC),
                            FloatVector.broadcast(SPECIES, PlainLoops.GELU_LINEAR))
                    .mul(v);
            v.div(exponential(z).add(1f)).intoArray(x, i);
        }
        for (; i < end; i++) {
            x[i] = PlainLoops.gelu(x[i]);
        }
    }

    @Override
    public void softCap(float[] x, int from, int cols, float cap) {
        float doubled = 2 / cap;
        int end = from + cols;
        int i = from;
        for (; i + LANES <= end; i += LANES) {
            FloatVector two = FloatVector.broadcast(SPECIES, 2f);
            FloatVector one = FloatVector.broadcast(SPECIES, 1f);
            FloatVector z = FloatVector.fromArray(SPECIES, x, i).mul(doubled);
            one.sub(two.div(exponential(z).add(1f))).mul(cap).intoArray(x, i);
        }
        for (; i < end; i++) {
            x[i] = PlainLoops.softCap(x[i], doubled, cap);
        }
    }

    @Override
    public void dotKeys(
            float[] scores, int s, float[] query, int q, float[] keys, int k, int positions, int headDim, float scale) {
        for (int j = 0; j < positions; j += LANES) {
            FloatVector sum = FloatVector.zero(SPECIES);
            for (int d = 0; d < headDim; d++) {
                sum = FloatVector.broadcast(SPECIES, query[q + d])
                        .fma(FloatVector.fromArray(SPECIES, keys, k + d * positions + j), sum);
            }
            sum.mul(scale).intoArray(scores, s + j);
        }
    }

    @Override
    public float exponentials(float[] weights, int length) {
        FloatVector highest = FloatVector.broadcast(SPECIES, Float.NEGATIVE_INFINITY);
        for (int j = 0; j < length; j += LANES) {
            highest = highest.max(FloatVector.fromArray(SPECIES, weights, j));
        }
        float max = highest.reduceLanes(VectorOperators.MAX);
        for (int j = 0; j < length; j += LANES) {
            exponential(FloatVector.fromArray(SPECIES, weights, j).sub(max)).intoArray(weights, j);
        }
        return sum(weights, 0, length);
    }

    @Override
    public void addValues(
            float[] out, int o, float[] weights, int w, int positions, float[] values, int v, int headDim) {
        int d = 0;
        for (; d + LANES <= headDim; d += LANES) {
            FloatVector sum = FloatVector.fromArray(SPECIES, out, o + d);
            for (int j = 0; j < positions; j++) {
                sum = FloatVector.broadcast(SPECIES, weights[w + j])
                        .fma(FloatVector.fromArray(SPECIES, values, v + j * headDim + d), sum);
            }
            sum.intoArray(out, o + d);
        }
        for (; d < headDim; d++) {
            out[o + d] = PlainLoops.addValue(out[o + d], weights, w, positions, values, v + d, headDim);
        }
    }

    /** {@link Exponential#of} for every lane, by the same operations. */
    static FloatVector exponential(FloatVector x) {
        // Not by min and max, which are slower. A comparison with NaN is false, so that NaN stays.
        FloatVector bounded = x.blend(Exponential.HIGHEST, x.compare(VectorOperators.GT, Exponential.HIGHEST));
        bounded = bounded.blend(Exponential.LOWEST, bounded.compare(VectorOperators.LT, Exponential.LOWEST));
        FloatVector rounded = bounded.fma(
                FloatVector.broadcast(x.species(), Exponential.LOG2_E),
                FloatVector.broadcast(x.species(), Exponential.ROUND));
        FloatVector n = rounded.sub(Exponential.ROUND);
        FloatVector r = n.fma(FloatVector.broadcast(x.species(), -Exponential.LN_2_HIGH), bounded);
        r = n.fma(FloatVector.broadcast(x.species(), -Exponential.LN_2_LOW), r);
        FloatVector p = r.fma(
                FloatVector.broadcast(x.species(), Exponential.C7), FloatVector.broadcast(x.species(), Exponential.C6));
        p = p.fma(r, FloatVector.broadcast(x.species(), Exponential.C5));
        p = p.fma(r, FloatVector.broadcast(x.species(), Exponential.C4));
        p = p.fma(r, FloatVector.broadcast(x.species(), Exponential.C3));
        p = p.fma(r, FloatVector.broadcast(x.species(), Exponential.C2));
        p = p.fma(r.mul(r), r).add(1f);
        IntVector exponent = rounded.reinterpretAsInts().sub(Float.floatToRawIntBits(Exponential.ROUND));
        IntVector half = exponent.lanewise(VectorOperators.ASHR, 1);
        // Written twice: if C2 does not inline a method that takes a vector, the vector is allocated on the heap.
        FloatVector first = half.add(Exponential.EXPONENT_BIAS)
                .lanewise(VectorOperators.LSHL, Exponential.MANTISSA_BITS)
                .reinterpretAsFloats();
        FloatVector second = exponent.sub(half)
                .add(Exponential.EXPONENT_BIAS)
                .lanewise(VectorOperators.LSHL, Exponential.MANTISSA_BITS)
                .reinterpretAsFloats();
        return p.mul(first).mul(second);
    }
}
