package nighttrain.executor.device.cpu;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import nighttrain.io.checkpoint.E4m3;
import nighttrain.io.spec.WeightFormat;

/**
 * {@code out = x * weights^T + bias} in fp32.
 *
 * <p>A tile of some rows by {@link CpuMatrix#PANEL} outputs stays in registers during the loop over the inputs. Every output is one chain of fused
 * multiply-adds over the inputs in order, whatever the number of rows: a row's result never depends on the rest of the batch.
 */
final class CpuMatmul {
    /** Rows that are multiplied by all panels together: their inputs stay in the second-level cache. */
    private static final int ROW_BLOCK = 96;

    /** Fewest multiply-adds of a piece of work: a smaller one costs less than handing it to another thread. */
    private static final int MIN_PIECE = 64_000;

    private final ThreadTeam team;

    CpuMatmul(ThreadTeam team) {
        this.team = team;
    }

    void run(CpuTensor out, CpuTensor factors, CpuMatrix weights) {
        CpuTensor x = in(weights.format(), factors);
        int panels = weights.panelCount();
        int all = weights.tracks() * panels;
        long perPanel = (long) Math.max(1, x.rows()) * weights.inputs() * CpuMatrix.PANEL;
        int grain = (int) Math.max(1, Math.min(all, MIN_PIECE / perPanel));
        team.runRanges(all, grain, 4, (from, to) -> {
            for (int firstRow = 0; firstRow < x.rows(); firstRow += ROW_BLOCK) {
                int rows = Math.min(ROW_BLOCK, x.rows() - firstRow);
                for (int i = from; i < to; i++) {
                    int track = i / panels;
                    panel(out, x, weights, track, track, i % panels, firstRow, rows);
                }
            }
        });
    }

    /** Multiplies gathered rows, each by its expert's weights, which are read once for {@link #ROW_BLOCK} tokens. */
    void run(CpuTensor out, CpuTensor factors, CpuMatrix experts, CpuRouting routing) {
        CpuTensor x = in(experts.format(), factors);
        List<Piece> pieces = new ArrayList<>();
        for (int slab = 0; slab < experts.tracks(); slab++) {
            addPieces(pieces, slab, experts, routing);
        }
        team.run(pieces.size(), i -> {
            Piece piece = pieces.get(i);
            for (int panel = piece.fromPanel; panel < piece.toPanel; panel++) {
                panel(out, x, experts, piece.track, piece.slab, panel, piece.firstRow, piece.rows);
            }
        });
    }

    /** Returns {@code x} with every row rounded to this format. */
    private CpuTensor in(WeightFormat format, CpuTensor x) {
        if (format == WeightFormat.PLAIN) {
            return x;
        }
        CpuTensor values = CpuTensor.zeros(x.tracks(), x.rows(), x.cols());
        team.runRanges(x.tracks() * x.rows(), ThreadTeam.grain(x.cols()), 1, (from, to) -> {
            for (int i = from; i < to; i++) {
                int at = x.row(i / x.rows(), i % x.rows());
                byte[] codes = new byte[x.cols()];
                float scale = E4m3.quantize(Arrays.copyOfRange(x.data(), at, at + x.cols()), ByteBuffer.wrap(codes));
                int valuesAt = values.row(i / x.rows(), i % x.rows());
                for (int c = 0; c < codes.length; c++) {
                    values.data()[valuesAt + c] = E4m3.toFloat(codes[c]) * scale;
                }
            }
        });
        return values;
    }

    /** A piece of work: some panels of one expert for some of its rows. */
    private record Piece(int track, int slab, int fromPanel, int toPanel, int firstRow, int rows) {}

    private static void addPieces(List<Piece> pieces, int slab, CpuMatrix experts, CpuRouting routing) {
        int track = slab / routing.experts();
        int end = routing.start(track, slab % routing.experts() + 1);
        for (int firstRow = routing.start(track, slab % routing.experts()); firstRow < end; firstRow += ROW_BLOCK) {
            int rows = Math.min(ROW_BLOCK, end - firstRow);
            int panels = (int) Math.max(1, MIN_PIECE / ((long) rows * experts.inputs() * CpuMatrix.PANEL));
            for (int panel = 0; panel < experts.panelCount(); panel += panels) {
                int toPanel = Math.min(experts.panelCount(), panel + panels);
                pieces.add(new Piece(track, slab, panel, toPanel, firstRow, rows));
            }
        }
    }

    private static void panel(
            CpuTensor out, CpuTensor x, CpuMatrix weights, int track, int slab, int panel, int firstRow, int rows) {
        int column = panel * CpuMatrix.PANEL;
        InnerLoops.CHOSEN.product(
                out.data(),
                out.row(track, firstRow) + column,
                out.cols(),
                Math.min(CpuMatrix.PANEL, weights.outputs() - column),
                x.data(),
                x.row(track, firstRow),
                x.cols(),
                rows,
                weights.panel(slab, panel),
                weights.inputs(),
                weights.bias(slab),
                column);
    }
}
