package nighttrain.executor.device.cpu;

import java.util.List;
import java.util.Optional;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;
import nighttrain.executor.device.AttentionShape;
import nighttrain.executor.device.Batch;
import nighttrain.executor.device.Drawn;
import nighttrain.executor.device.Flight;
import nighttrain.executor.device.Kernels;
import nighttrain.executor.device.KvPages;
import nighttrain.executor.device.Matrix;
import nighttrain.executor.device.Norm;
import nighttrain.executor.device.Rotation;
import nighttrain.executor.device.Tensor;

/** fp32 on the threads of one rank. Every row is computed the same way whatever the batch around it. */
final class CpuKernels implements Kernels {
    private static final VectorSpecies<Float> SPECIES = FloatVector.SPECIES_PREFERRED;
    private static final int LANES = SPECIES.length();

    /** Elements below which an element-wise operation stays on one thread. */
    static final int MIN_PIECE = 16_384;

    private static final double SQRT_2_OVER_PI = Math.sqrt(2 / Math.PI);

    private final ThreadTeam team;
    private final MatrixProduct matrixProduct;
    private final RotateAndStore rotateAndStore;
    private final CpuAttention attention;
    private Batch batch;
    private List<Drawn> drawn = List.of();
    private long begunNanos;
    private long busyNanos;

    CpuKernels(ThreadTeam team) {
        this.team = team;
        this.matrixProduct = new MatrixProduct(team);
        this.rotateAndStore = new RotateAndStore(team);
        this.attention = new CpuAttention(team);
        this.batch = new Batch(new int[0], new int[0], new int[1], new int[0][], new int[0], List.of());
    }

    @Override
    public void begin(Batch next) {
        batch = next;
        begunNanos = System.nanoTime();
    }

    @Override
    public void embed(Tensor out, Tensor table) {
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
        forRows(x, (track, row) -> addRow(x, x.row(track, row), t, t.row(0, batch.positions()[row])));
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
    public void rotateAndStore(
            Tensor qkv, KvPages pages, AttentionShape shape, Rotation rotation, Optional<HeadNorms> norms) {
        rotateAndStore.run((CpuTensor) qkv, (CpuKvPages) pages, shape, rotation, norms, batch);
    }

    @Override
    public void attention(Tensor out, Tensor qkv, KvPages pages, AttentionShape shape) {
        attention.run((CpuTensor) out, (CpuTensor) qkv, (CpuKvPages) pages, shape, batch);
    }

    @Override
    public void siluMul(Tensor out, Tensor gateUp) {
        CpuTensor o = (CpuTensor) out;
        CpuTensor in = (CpuTensor) gateUp;
        forRows(o, (track, row) -> siluMulRow(o.data(), o.row(track, row), in.data(), in.row(track, row), o.cols()));
    }

    private static void siluMulRow(float[] out, int o, float[] x, int gate, int cols) {
        int up = gate + cols;
        int c = 0;
        for (; c + LANES <= cols; c += LANES) {
            FloatVector g = FloatVector.fromArray(SPECIES, x, gate + c);
            FloatVector one = FloatVector.broadcast(SPECIES, 1f);
            g.div(g.neg().lanewise(VectorOperators.EXP).add(one))
                    .mul(FloatVector.fromArray(SPECIES, x, up + c))
                    .intoArray(out, o + c);
        }
        for (; c < cols; c++) {
            float g = x[gate + c];
            out[o + c] = (float) (g / (1 + Math.exp(-g))) * x[up + c];
        }
    }

    @Override
    public void gelu(Tensor xInOut) {
        CpuTensor x = (CpuTensor) xInOut;
        forRows(x, (track, row) -> {
            int start = x.row(track, row);
            for (int i = start; i < start + x.cols(); i++) {
                double v = x.data()[i];
                x.data()[i] = (float) (0.5 * v * (1 + Math.tanh(SQRT_2_OVER_PI * (v + 0.044715 * v * v * v))));
            }
        });
    }

    @Override
    public void gatherOutputRows(Tensor out, Tensor x) {
        CpuTensor o = (CpuTensor) out;
        CpuTensor in = (CpuTensor) x;
        for (int i = 0; i < batch.outputRows().length; i++) {
            System.arraycopy(in.data(), in.row(0, batch.outputRows()[i]), o.data(), o.row(0, i), o.cols());
        }
    }

    @Override
    public void draw(Tensor logits, int first) {
        CpuTensor in = (CpuTensor) logits;
        Drawn[] tokens = new Drawn[in.rows()];
        team.run(
                tokens.length,
                i -> tokens[i] = CpuSampler.draw(batch.draws().get(first + i), in.data(), in.row(0, i), in.cols()));
        drawn = List.of(tokens);
        busyNanos += System.nanoTime() - begunNanos;
    }

    @Override
    public Flight end() {
        List<Drawn> ofThisStep = drawn;
        return () -> ofThisStep;
    }

    @Override
    public long busyNanos() {
        return busyNanos;
    }

    @FunctionalInterface
    private interface RowWork {
        void accept(int track, int row);
    }

    private void forRows(CpuTensor x, RowWork work) {
        int grain = Math.max(1, MIN_PIECE / x.cols());
        team.runRanges(x.tracks() * x.rows(), grain, 1, (from, to) -> {
            for (int i = from; i < to; i++) {
                work.accept(i / x.rows(), i % x.rows());
            }
        });
    }
}
