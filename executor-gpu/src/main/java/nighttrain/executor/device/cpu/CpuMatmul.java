package nighttrain.executor.device.cpu;

/**
 * {@code out = x * weights^T + bias} in fp32.
 *
 * <p>A tile of some rows by {@link #PANEL} outputs stays in registers while the inputs go by. Every output is one chain of fused multiply-adds over the inputs in order,
 * whatever the number of rows: the result of a row never depends on what else is in the batch.
 */
final class CpuMatmul {
    /** Rows that go over all panels together: their inputs stay in the second-level cache. */
    private static final int ROW_BLOCK = 96;

    /** Below this many multiply-adds a piece costs less than handing it to another thread. */
    private static final int MIN_PIECE = 64_000;

    /** Outputs in one panel of weights. */
    static final int PANEL = InnerLoops.CHOSEN.panel();

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
        int column = panel * PANEL;
        InnerLoops.CHOSEN.product(
                out.data(),
                out.row(track, firstRow) + column,
                out.cols(),
                Math.min(PANEL, weights.outputs() - column),
                x.data(),
                x.row(track, firstRow),
                x.cols(),
                rows,
                weights.panel(track, panel),
                weights.inputs(),
                weights.bias(track),
                column);
    }
}
