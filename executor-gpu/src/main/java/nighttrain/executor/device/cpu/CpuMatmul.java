package nighttrain.executor.device.cpu;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorSpecies;

/**
 * {@code out = x * weights^T + bias} in fp32.
 *
 * <p>A tile of {@link #TILE} rows by {@link #PANEL} outputs stays in registers while the inputs go by: 12 accumulators, 2
 * weights and a broadcast fill AVX2's 16 registers. Every output is one chain of fused multiply-adds over the inputs in order,
 * whatever the number of rows: the result of a row never depends on what else is in the batch.
 */
final class CpuMatmul {
    private static final VectorSpecies<Float> SPECIES = FloatVector.SPECIES_PREFERRED;
    private static final int LANES = SPECIES.length();
    private static final int TILE = 6;

    /** Rows that go over all panels together: their inputs stay in the second-level cache. */
    private static final int ROW_BLOCK = 96;

    /** Below this many multiply-adds a piece costs less than handing it to another thread. */
    private static final int MIN_PIECE = 64_000;

    /** Outputs in one panel of weights: two vectors. */
    static final int PANEL = 2 * LANES;

    private final ThreadTeam team;

    CpuMatmul(ThreadTeam team) {
        this.team = team;
    }

    void run(CpuTensor out, CpuTensor x, CpuMatrix weights) {
        int panels = weights.panelCount();
        int all = weights.tracks() * panels;
        long perPanel = (long) Math.max(1, x.rows()) * weights.inputs() * PANEL;
        int grain = (int) Math.max(1, Math.min(all, MIN_PIECE / perPanel));
        team.runRanges(all, grain, 4, (from, to) -> {
            for (int firstRow = 0; firstRow < x.rows(); firstRow += ROW_BLOCK) {
                int rows = Math.min(ROW_BLOCK, x.rows() - firstRow);
                for (int i = from; i < to; i++) {
                    panel(out, x, weights, i / panels, i % panels, firstRow, rows);
                }
            }
        });
    }

    private static void panel(
            CpuTensor out, CpuTensor x, CpuMatrix weights, int track, int panel, int firstRow, int rows) {
        float[] w = weights.panel(track, panel);
        float[] bias = weights.bias(track);
        int column = panel * PANEL;
        int kept = Math.min(PANEL, weights.outputs() - column);
        int inputs = weights.inputs();
        int end = firstRow + rows;
        int row = firstRow;
        if (kept == PANEL) {
            for (; row + 1 < end; row += TILE) {
                tile(out, x, track, row, Math.min(TILE, end - row), column, w, inputs, bias);
            }
        }
        for (; row < end; row++) {
            single(
                    out.data(),
                    out.row(track, row) + column,
                    kept,
                    x.data(),
                    x.row(track, row),
                    w,
                    inputs,
                    bias,
                    column);
        }
    }

    /** Up to {@link #TILE} rows; where fewer are left the last one is computed again, which costs less than going singly. */
    private static void tile(
            CpuTensor outTensor,
            CpuTensor xTensor,
            int track,
            int row,
            int rows,
            int b,
            float[] w,
            int inputs,
            float[] bias) {
        float[] x = xTensor.data();
        float[] out = outTensor.data();
        int x0 = xTensor.row(track, row), xLast = x0 + (rows - 1) * xTensor.cols(), xStride = xTensor.cols();
        int o0 = outTensor.row(track, row) + b, oLast = o0 + (rows - 1) * outTensor.cols(), oStride = outTensor.cols();
        int x1 = Math.min(x0 + xStride, xLast), x2 = Math.min(x1 + xStride, xLast), x3 = Math.min(x2 + xStride, xLast);
        int x4 = Math.min(x3 + xStride, xLast), x5 = Math.min(x4 + xStride, xLast);
        FloatVector biasLow = FloatVector.fromArray(SPECIES, bias, b);
        FloatVector biasHigh = FloatVector.fromArray(SPECIES, bias, b + LANES);
        FloatVector a0 = biasLow, a1 = biasLow, a2 = biasLow, a3 = biasLow, a4 = biasLow, a5 = biasLow;
        FloatVector c0 = biasHigh, c1 = biasHigh, c2 = biasHigh, c3 = biasHigh, c4 = biasHigh, c5 = biasHigh;
        for (int i = 0, p = 0; i < inputs; i++, p += PANEL) {
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
        for (int i = 0, p = 0; i < inputs; i++, p += PANEL) {
            FloatVector v = FloatVector.broadcast(SPECIES, x[x0 + i]);
            a = v.fma(FloatVector.fromArray(SPECIES, w, p), a);
            c = v.fma(FloatVector.fromArray(SPECIES, w, p + LANES), c);
        }
        if (kept == PANEL) {
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
}
