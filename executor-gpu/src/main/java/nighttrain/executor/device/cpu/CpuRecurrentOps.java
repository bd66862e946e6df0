package nighttrain.executor.device.cpu;

import java.util.Arrays;
import nighttrain.executor.device.Ops.Norm;
import nighttrain.executor.device.RecurrentOps;
import nighttrain.executor.device.Tensor;
import nighttrain.executor.step.Batch;

/**
 * Recurrent mixers in fp32, token by token as their equations stand, so that the result depends neither on how a prompt was cut into
 * chunks nor on the rest of the batch. Sequences, heads and channels are shared over the threads of a rank.
 */
final class CpuRecurrentOps implements RecurrentOps {
    /** Channels of a convolution that a thread takes at a time. */
    private static final int CHANNELS = 1024;

    /** Added to the squared length of queries and keys. */
    private static final float LENGTH_EPSILON = 1e-6f;

    /** Beyond this {@code softplus(x)} is x. */
    private static final float LINEAR_SOFTPLUS = 20;

    private final ThreadTeam team;
    private final CpuStep step;

    CpuRecurrentOps(ThreadTeam team, CpuStep step) {
        this.team = team;
        this.step = step;
    }

    /** One array a slot and track: there is one once its slot is used. */
    private record CpuStates(float[][][] slots, int elements) implements States {
        float[] of(int track, Batch batch, int sequence) {
            return slots[track][batch.slots()[sequence]];
        }

        /** Of every sequence of the batch: threads that share its heads find it there. */
        void allocate(Batch batch) {
            for (float[][] ofTrack : slots) {
                for (int slot : batch.slots()) {
                    ofTrack[slot] = ofTrack[slot] == null ? new float[elements] : ofTrack[slot];
                }
            }
        }
    }

    @Override
    public States states(String role, int tracks, int slots, int elements) {
        return new CpuStates(new float[tracks][slots][], elements);
    }

    @Override
    public void convolve(Tensor xInOut, Convolution convolution, States latest) {
        Batch batch = step.batch();
        CpuTensor x = (CpuTensor) xInOut;
        int channels = convolution.weights().cols();
        int pieces = (channels + CHANNELS - 1) / CHANNELS;
        CpuStates states = (CpuStates) latest;
        forHeads(states, pieces, (track, sequence, piece) -> {
            int from = piece * CHANNELS;
            int count = Math.min(CHANNELS, channels - from);
            convolve(x, track, batch, sequence, convolution, states, from, count);
        });
    }

    /** Channels {@code from .. from + count - 1} of one sequence. The tokens of the step lie behind those before it, as one text. */
    private static void convolve(
            CpuTensor x,
            int track,
            Batch batch,
            int sequence,
            Convolution convolution,
            CpuStates latest,
            int from,
            int count) {
        CpuTensor weights = (CpuTensor) convolution.weights();
        int before = weights.rows() - 1;
        int first = batch.queryStarts()[sequence];
        int tokens = batch.queryStarts()[sequence + 1] - first;
        float[] state = latest.of(track, batch, sequence);
        float[] text = new float[(before + tokens) * count];
        for (int i = 0; i < before && !batch.begins(sequence); i++) {
            System.arraycopy(state, i * weights.cols() + from, text, i * count, count);
        }
        for (int i = 0; i < tokens; i++) {
            System.arraycopy(x.data(), x.row(track, first + i) + from, text, (before + i) * count, count);
        }
        for (int i = 0; i < tokens; i++) {
            int at = x.row(track, first + i) + from;
            start(x.data(), at, convolution, track, from, count);
            for (int j = 0; j <= before; j++) {
                addProducts(x.data(), at, text, (i + j) * count, weights.data(), weights.row(track, j) + from, count);
            }
            InnerLoops.CHOSEN.sigmoidMul(x.data(), at, x.data(), at, count);
        }
        for (int i = 0; i < before; i++) {
            System.arraycopy(text, (tokens + i) * count, state, i * weights.cols() + from, count);
        }
    }

    private static void start(float[] out, int o, Convolution convolution, int track, int from, int count) {
        if (convolution.bias().isPresent()) {
            CpuTensor bias = (CpuTensor) convolution.bias().get();
            System.arraycopy(bias.data(), bias.row(track, 0) + from, out, o, count);
        } else {
            Arrays.fill(out, o, o + count, 0);
        }
    }

    private static void addProducts(float[] out, int o, float[] a, int i, float[] b, int j, int count) {
        for (int c = 0; c < count; c++) {
            out[o + c] += a[i + c] * b[j + c];
        }
    }

    @Override
    public void gatedDelta(Tensor out, Tensor qkv, Tensor betaDecay, DeltaShape shape, Decay decay, States states) {
        Batch batch = step.batch();
        CpuStates all = (CpuStates) states;
        forHeads(all, shape.valueHeads(), (track, sequence, head) -> {
            Head one = new Head(shape, track, head, all.of(track, batch, sequence), new float[shape.keyDim()]);
            if (batch.begins(sequence)) {
                Arrays.fill(one.state, one.first(), one.first() + shape.keyDim() * shape.valueDim(), 0);
            }
            for (int row = batch.queryStarts()[sequence]; row < batch.queryStarts()[sequence + 1]; row++) {
                one.token((CpuTensor) out, (CpuTensor) qkv, (CpuTensor) betaDecay, decay, row);
            }
        });
    }

    /**
     * One value head of one sequence.
     *
     * @param state of all its heads
     * @param unit room for a query or a key
     */
    private record Head(DeltaShape shape, int track, int head, float[] state, float[] unit) {
        int first() {
            return head * shape.keyDim() * shape.valueDim();
        }

        void token(CpuTensor out, CpuTensor qkv, CpuTensor betaDecay, Decay decay, int row) {
            int dims = shape.valueDim();
            int q = qkv.row(track, row) + head / (shape.valueHeads() / shape.keyHeads()) * shape.keyDim();
            int v = qkv.row(track, row) + 2 * shape.keyCols() + head * dims;
            int b = betaDecay.row(track, row) + head;
            float beta = sigmoid(betaDecay.data()[b]);
            float kept = kept(betaDecay.data()[b + shape.valueHeads()], decay);
            float[] correction = new float[dims];
            unit(qkv.data(), q + shape.keyCols(), 1);
            InnerLoops.CHOSEN.addValues(correction, 0, unit, 0, shape.keyDim(), state, first(), dims);
            for (int j = 0; j < dims; j++) {
                correction[j] = (qkv.data()[v + j] - kept * correction[j]) * beta;
            }
            for (int i = 0; i < shape.keyDim(); i++) {
                decayAndAdd(state, first() + i * dims, kept, correction, unit[i]);
            }
            unit(qkv.data(), q, (float) (1 / Math.sqrt(shape.keyDim())));
            int o = out.row(track, row) + head * dims;
            Arrays.fill(out.data(), o, o + dims, 0);
            InnerLoops.CHOSEN.addValues(out.data(), o, unit, 0, shape.keyDim(), state, first(), dims);
        }

        /** {@code e^g}: how much of the state stays. */
        private float kept(float a, Decay decay) {
            return Exponential.of(-ofHead(decay.rate(), track, head) * softplus(a + ofHead(decay.bias(), track, head)));
        }

        private void unit(float[] x, int from, float length) {
            float squares = InnerLoops.CHOSEN.sumOfSquares(x, from, unit.length) + LENGTH_EPSILON;
            float factor = (float) (length / Math.sqrt(squares));
            for (int i = 0; i < unit.length; i++) {
                unit[i] = factor * x[from + i];
            }
        }
    }

    private static void decayAndAdd(float[] row, int from, float kept, float[] added, float factor) {
        for (int j = 0; j < added.length; j++) {
            row[from + j] = kept * row[from + j] + factor * added[j];
        }
    }

    @Override
    public void selectiveScan(Tensor out, Tensor projected, ScanShape shape, Decay decay, Tensor skip, States states) {
        Batch batch = step.batch();
        CpuStates all = (CpuStates) states;
        int elements = shape.stateSize() * shape.headDim();
        forHeads(all, shape.heads(), (track, sequence, head) -> {
            float[] state = all.of(track, batch, sequence);
            if (batch.begins(sequence)) {
                Arrays.fill(state, head * elements, (head + 1) * elements, 0);
            }
            for (int row = batch.queryStarts()[sequence]; row < batch.queryStarts()[sequence + 1]; row++) {
                scan((CpuTensor) out, (CpuTensor) projected, shape, decay, skip, state, track, row, head);
            }
        });
    }

    /** One token of one head. */
    private static void scan(
            CpuTensor out,
            CpuTensor projected,
            ScanShape shape,
            Decay decay,
            Tensor skip,
            float[] state,
            int track,
            int row,
            int head) {
        int dims = shape.headDim();
        int first = head * shape.stateSize() * dims;
        float[] data = projected.data();
        int start = projected.row(track, row);
        int x = start + head * dims;
        int in = start + shape.valueCols() + head / (shape.heads() / shape.groups()) * shape.stateSize();
        float unbounded = softplus(data[start + shape.stepCol() + head] + ofHead(decay.bias(), track, head));
        float time = Math.min(Math.max(unbounded, shape.leastStep()), shape.mostStep());
        float kept = Exponential.of(-ofHead(decay.rate(), track, head) * time);
        float[] added = new float[dims];
        for (int j = 0; j < dims; j++) {
            added[j] = time * data[x + j];
        }
        for (int i = 0; i < shape.stateSize(); i++) {
            decayAndAdd(state, first + i * dims, kept, added, data[in + i]);
        }
        int o = out.row(track, row) + head * dims;
        float passing = ofHead(skip, track, head);
        for (int j = 0; j < dims; j++) {
            out.data()[o + j] = passing * data[x + j];
        }
        InnerLoops.CHOSEN.addValues(out.data(), o, data, in + shape.groupCols(), shape.stateSize(), state, first, dims);
    }

    private static float ofHead(Tensor perHead, int track, int head) {
        CpuTensor values = (CpuTensor) perHead;
        return values.data()[values.row(track, 0) + head];
    }

    private static float sigmoid(float x) {
        return 1 / (Exponential.of(-x) + 1);
    }

    private static float softplus(float x) {
        return x > LINEAR_SOFTPLUS ? x : (float) StrictMath.log1p(Exponential.of(x));
    }

    @Override
    public void normAndGate(Tensor xInOut, Norm norm, Tensor gates, int firstCol) {
        int head = norm.weight().cols();
        forRows((CpuTensor) xInOut, (CpuTensor) gates, firstCol, (track, x, from, g, gate, cols) -> {
            for (int c = 0; c < cols; c += head) {
                RowNorm.run(x, from + c, x, from + c, head, norm, track);
            }
            for (int c = 0; c < cols; c++) {
                x[from + c] *= g[gate + c];
            }
            InnerLoops.CHOSEN.sigmoidMul(x, from, g, gate, cols);
        });
    }

    @Override
    public void gateAndNorm(Tensor xInOut, Norm norm, int groups, Tensor gates, int firstCol) {
        CpuTensor weight = (CpuTensor) norm.weight();
        forRows((CpuTensor) xInOut, (CpuTensor) gates, firstCol, (track, x, from, g, gate, cols) -> {
            for (int c = 0; c < cols; c++) {
                x[from + c] *= g[gate + c];
            }
            InnerLoops.CHOSEN.sigmoidMul(x, from, g, gate, cols);
            int width = cols / groups;
            for (int c = 0; c < cols; c += width) {
                int at = from + c;
                int w = weight.row(track, 0) + c;
                RowNorm.rms(x, at, x, at, width, weight.data(), w, norm.epsilon());
            }
        });
    }

    @Override
    public void gate(Tensor xInOut, Tensor gates, int firstCol) {
        forRows(
                (CpuTensor) xInOut,
                (CpuTensor) gates,
                firstCol,
                (track, x, from, g, gate, cols) -> InnerLoops.CHOSEN.sigmoidMul(x, from, g, gate, cols));
    }

    @FunctionalInterface
    private interface GatedRow {
        void accept(int track, float[] x, int from, float[] gates, int gate, int cols);
    }

    private void forRows(CpuTensor x, CpuTensor gates, int firstCol, GatedRow work) {
        int grain = Math.max(1, CpuOps.MIN_PIECE / x.cols());
        team.runRanges(x.tracks() * x.rows(), grain, 1, (from, to) -> {
            for (int i = from; i < to; i++) {
                int track = i / x.rows();
                int row = i % x.rows();
                work.accept(
                        track, x.data(), x.row(track, row), gates.data(), gates.row(track, row) + firstCol, x.cols());
            }
        });
    }

    @FunctionalInterface
    private interface HeadWork {
        void accept(int track, int sequence, int head);
    }

    /** The heads of all tracks and sequences: a piece of work each, since sequences differ in their tokens. */
    private void forHeads(CpuStates states, int heads, HeadWork work) {
        states.allocate(step.batch());
        int ofTrack = step.batch().sequences() * heads;
        team.run(states.slots().length * ofTrack, i -> work.accept(i / ofTrack, i % ofTrack / heads, i % heads));
    }
}
