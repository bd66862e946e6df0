package nighttrain.executor.device.cpu;

import java.util.Arrays;
import nighttrain.executor.device.ExpertOps;
import nighttrain.executor.device.Matrix;
import nighttrain.executor.device.Tensor;
import nighttrain.io.spec.MixtureOfExperts.Activation;
import nighttrain.io.spec.Mlp;

/** Experts in fp32 on the threads of one rank. As in {@link CpuOps}, a token's result does not depend on the others in the batch. */
final class CpuExperts implements ExpertOps {
    private final ThreadTeam team;
    private final CpuMatmul matmul;
    private volatile Load load = Load.NONE;

    CpuExperts(ThreadTeam team) {
        this.team = team;
        this.matmul = new CpuMatmul(team);
    }

    @Override
    public Routing route(Tensor logits, Choice choice) {
        CpuRouting routing = CpuRouting.of((CpuTensor) logits, choice, team);
        Load more = routing.load();
        load = new Load(load.tokens() + more.tokens(), load.busiest() + more.busiest());
        return routing;
    }

    @Override
    public Load load() {
        return load;
    }

    @Override
    public void gather(Tensor out, Tensor x, Routing routing) {
        CpuTensor o = (CpuTensor) out;
        CpuTensor in = (CpuTensor) x;
        CpuRouting by = (CpuRouting) routing;
        forRows(
                o,
                by,
                (track, row) -> System.arraycopy(
                        in.data(), in.row(track, by.token(track, row)), o.data(), o.row(track, row), o.cols()));
    }

    @Override
    public void linear(Tensor out, Tensor x, Matrix experts, Routing routing) {
        matmul.run((CpuTensor) out, (CpuTensor) x, (CpuMatrix) experts, (CpuRouting) routing);
    }

    @Override
    public void activate(Tensor out, Tensor x, Activation activation, Routing routing) {
        CpuTensor o = (CpuTensor) out;
        CpuTensor in = (CpuTensor) x;
        boolean gated = in.cols() > o.cols();
        forRows(o, (CpuRouting) routing, (track, row) -> {
            int to = o.row(track, row);
            int from = in.row(track, row);
            if (activation instanceof Activation.ClampedSwiGlu clamped) {
                clampedSwiGlu(o.data(), to, in.data(), from, o.cols(), clamped);
            } else if (gated) {
                gate(o.data(), to, in.data(), from, o.cols(), ((Activation.Plain) activation).function());
            } else {
                System.arraycopy(in.data(), from, o.data(), to, o.cols());
                apply(o.data(), to, o.cols(), ((Activation.Plain) activation).function());
            }
        });
    }

    private static void gate(float[] out, int to, float[] x, int from, int cols, Mlp.Activation function) {
        if (function == Mlp.Activation.SILU) {
            InnerLoops.CHOSEN.siluMul(out, to, x, from, cols);
            return;
        }
        System.arraycopy(x, from, out, to, cols);
        apply(out, to, cols, function);
        for (int c = 0; c < cols; c++) {
            out[to + c] *= x[from + cols + c];
        }
    }

    private static void apply(float[] x, int from, int cols, Mlp.Activation function) {
        switch (function) {
            case SILU -> {
                for (int i = from; i < from + cols; i++) {
                    x[i] *= sigmoid(x[i]);
                }
            }
            case GELU_TANH -> InnerLoops.CHOSEN.gelu(x, from, cols);
            case RELU_SQUARED -> {
                for (int i = from; i < from + cols; i++) {
                    float positive = Math.max(x[i], 0f);
                    x[i] = positive * positive;
                }
            }
        }
    }

    private static void clampedSwiGlu(
            float[] out, int to, float[] x, int from, int cols, Activation.ClampedSwiGlu bounds) {
        float limit = (float) bounds.limit();
        float alpha = (float) bounds.alpha();
        for (int c = 0; c < cols; c++) {
            float gate = Math.min(x[from + c], limit);
            float up = Math.max(-limit, Math.min(x[from + cols + c], limit));
            out[to + c] = gate * sigmoid(alpha * gate) * (up + 1f);
        }
    }

    private static float sigmoid(float x) {
        return 1f / (Exponential.of(-x) + 1f);
    }

    @Override
    public void combine(Tensor out, Tensor x, Routing routing, boolean adds) {
        CpuTensor o = (CpuTensor) out;
        CpuTensor in = (CpuTensor) x;
        CpuRouting by = (CpuRouting) routing;
        int grain = ThreadTeam.grain(o.cols() * by.chosen());
        team.runRanges(o.tracks() * o.rows(), grain, 1, (from, to) -> {
            for (int i = from; i < to; i++) {
                combine(o, in, by, i / o.rows(), i % o.rows(), adds);
            }
        });
    }

    private static void combine(CpuTensor out, CpuTensor x, CpuRouting by, int track, int token, boolean adds) {
        int to = out.row(track, token);
        if (!adds) {
            Arrays.fill(out.data(), to, to + out.cols(), 0f);
        }
        for (int choice = 0; choice < by.chosen(); choice++) {
            int row = by.row(track, token, choice);
            if (row != CpuRouting.ELSEWHERE) {
                float weight = by.weight(track, token, choice);
                int from = x.row(track, row);
                for (int c = 0; c < out.cols(); c++) {
                    out.data()[to + c] = Math.fma(weight, x.data()[from + c], out.data()[to + c]);
                }
            }
        }
    }

    @Override
    public void gate(Tensor xInOut, Tensor gate) {
        CpuTensor x = (CpuTensor) xInOut;
        CpuTensor by = (CpuTensor) gate;
        for (int track = 0; track < x.tracks(); track++) {
            for (int row = 0; row < x.rows(); row++) {
                float factor = sigmoid(by.data()[by.row(track, row)]);
                int at = x.row(track, row);
                for (int c = 0; c < x.cols(); c++) {
                    x.data()[at + c] *= factor;
                }
            }
        }
    }

    @FunctionalInterface
    private interface RowWork {
        void accept(int track, int row);
    }

    /** Runs {@code work} for the gathered rows of all tracks. */
    private void forRows(CpuTensor gathered, CpuRouting routing, RowWork work) {
        int grain = ThreadTeam.grain(gathered.cols());
        for (int t = 0; t < gathered.tracks(); t++) {
            int track = t;
            team.runRanges(routing.rows(track), grain, 1, (from, to) -> {
                for (int row = from; row < to; row++) {
                    work.accept(track, row);
                }
            });
        }
    }
}
