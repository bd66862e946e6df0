package nighttrain.executor.device.cpu;

import java.util.Optional;
import nighttrain.executor.device.Matrix;
import nighttrain.executor.device.Ops;
import nighttrain.executor.device.Ops.AttentionShape;
import nighttrain.executor.device.Ops.KvPages;
import nighttrain.executor.device.Ops.Norm;
import nighttrain.executor.device.Ops.Rotation;
import nighttrain.executor.device.Tensor;
import nighttrain.executor.step.Batch;

/**
 * Operations in fp32 on the threads of one rank. A row's result depends neither on the rest of the batch nor on whether this code is interpreted or
 * compiled: it consists of operations that are rounded exactly, in a fixed order, equally in whole vectors and in the remainder after them.
 */
final class CpuOps implements Ops {
    private final ThreadTeam team;
    private final CpuMatmul matrixProduct;
    private final RopeAndWriteKv ropeAndWriteKv;
    private final CpuAttention attention;
    private final CpuStep step;

    CpuOps(ThreadTeam team, CpuStep step) {
        this.team = team;
        this.matrixProduct = new CpuMatmul(team);
        this.ropeAndWriteKv = new RopeAndWriteKv(team);
        this.attention = new CpuAttention(team);
        this.step = step;
    }

    @Override
    public void embed(Tensor out, Tensor table) {
        Batch batch = step.batch();
        CpuTensor o = (CpuTensor) out;
        CpuTensor t = (CpuTensor) table;
        for (int track = 0; track < o.tracks(); track++) {
            for (int row = 0; row < batch.size(); row++) {
                System.arraycopy(t.data(), t.row(0, batch.tokens()[row]), o.data(), o.row(track, row), o.cols());
            }
        }
    }

    @Override
    public void addPositions(Tensor xInOut, Tensor table) {
        CpuTensor x = (CpuTensor) xInOut;
        CpuTensor t = (CpuTensor) table;
        int[] positions = step.batch().positions();
        forRows(x, (track, row) -> addRow(x, x.row(track, row), t, t.row(0, positions[row])));
    }

    @Override
    public void norm(Tensor out, Tensor x, Norm norm) {
        CpuTensor o = (CpuTensor) out;
        CpuTensor in = (CpuTensor) x;
        forRows(
                in,
                (track, row) -> RowNorm.run(
                        o.data(), o.row(track, row), in.data(), in.row(track, row), in.cols(), norm, track));
    }

    @Override
    public void normColumns(Tensor xInOut, int firstCol, Norm norm) {
        CpuTensor x = (CpuTensor) xInOut;
        int cols = norm.weight().cols();
        forRows(x, (track, row) -> {
            int at = x.row(track, row) + firstCol;
            RowNorm.run(x.data(), at, x.data(), at, cols, norm, track);
        });
    }

    @Override
    public void add(Tensor xInOut, Tensor y) {
        CpuTensor x = (CpuTensor) xInOut;
        CpuTensor addend = (CpuTensor) y;
        forRows(x, (track, row) -> addRow(x, x.row(track, row), addend, addend.row(track, row)));
    }

    private static void addRow(CpuTensor x, int i, CpuTensor addend, int j) {
        for (int c = 0; c < x.cols(); c++) {
            x.data()[i + c] += addend.data()[j + c];
        }
    }

    @Override
    public void linear(Tensor out, Tensor x, Matrix weights) {
        matrixProduct.run((CpuTensor) out, (CpuTensor) x, (CpuMatrix) weights);
    }

    @Override
    public void ropeAndWriteKv(
            Tensor qkv,
            KvPages pages,
            AttentionShape shape,
            Rotation rotation,
            Optional<HeadNorms> norms,
            Optional<Tensor> keyOffset) {
        ropeAndWriteKv.run((CpuTensor) qkv, (CpuKvPages) pages, shape, rotation, norms, keyOffset, step.batch());
    }

    @Override
    public void attention(Tensor out, Tensor qkv, KvPages pages, AttentionShape shape, Optional<Tensor> sinks) {
        attention.run(
                (CpuTensor) out,
                (CpuTensor) qkv,
                (CpuKvPages) pages,
                shape,
                sinks.map(CpuTensor.class::cast),
                step.batch());
    }

    @Override
    public void siluMul(Tensor out, Tensor gateUp) {
        CpuTensor o = (CpuTensor) out;
        CpuTensor in = (CpuTensor) gateUp;
        forRows(
                o,
                (track, row) -> InnerLoops.CHOSEN.siluMul(
                        o.data(), o.row(track, row), in.data(), in.row(track, row), o.cols()));
    }

    @Override
    public void geluMul(Tensor out, Tensor gateUp) {
        CpuTensor o = (CpuTensor) out;
        CpuTensor in = (CpuTensor) gateUp;
        forRows(o, (track, row) -> {
            int to = o.row(track, row);
            int gate = in.row(track, row);
            System.arraycopy(in.data(), gate, o.data(), to, o.cols());
            InnerLoops.CHOSEN.gelu(o.data(), to, o.cols());
            for (int c = 0; c < o.cols(); c++) {
                o.data()[to + c] *= in.data()[gate + o.cols() + c];
            }
        });
    }

    @Override
    public void scale(Tensor out, Tensor x, float factor) {
        CpuTensor o = (CpuTensor) out;
        CpuTensor in = (CpuTensor) x;
        forRows(o, (track, row) -> {
            for (int c = 0; c < o.cols(); c++) {
                o.data()[o.row(track, row) + c] = factor * in.data()[in.row(track, row) + c];
            }
        });
    }

    @Override
    public void gelu(Tensor xInOut) {
        CpuTensor x = (CpuTensor) xInOut;
        forRows(x, (track, row) -> InnerLoops.CHOSEN.gelu(x.data(), x.row(track, row), x.cols()));
    }

    @Override
    public void softCap(Tensor logitsInOut, float cap) {
        CpuTensor x = (CpuTensor) logitsInOut;
        forRows(x, (track, row) -> InnerLoops.CHOSEN.softCap(x.data(), x.row(track, row), x.cols(), cap));
    }

    @Override
    public void gatherOutputRows(Tensor out, Tensor x) {
        int[] outputRows = step.batch().outputRows();
        CpuTensor o = (CpuTensor) out;
        CpuTensor in = (CpuTensor) x;
        for (int track = 0; track < o.tracks(); track++) {
            for (int i = 0; i < outputRows.length; i++) {
                System.arraycopy(in.data(), in.row(track, outputRows[i]), o.data(), o.row(track, i), o.cols());
            }
        }
    }

    @FunctionalInterface
    private interface RowWork {
        void accept(int track, int row);
    }

    private void forRows(CpuTensor x, RowWork work) {
        team.runRanges(x.tracks() * x.rows(), ThreadTeam.grain(x.cols()), 1, (from, to) -> {
            for (int i = from; i < to; i++) {
                work.accept(i / x.rows(), i % x.rows());
            }
        });
    }
}
