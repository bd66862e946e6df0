package nighttrain.executor.device.cpu;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import nighttrain.executor.device.Ops.Norm;
import nighttrain.executor.device.RecurrentOps;
import nighttrain.executor.device.Tensor;
import nighttrain.executor.step.Batch;
import nighttrain.executor.step.Batch.SlotCopy;
import nighttrain.io.checkpoint.Bfloat16;
import nighttrain.io.spec.StateFormat;

/**
 * Recurrent mixers in fp32, token by token by their equations, so that the result depends neither on how a prompt was cut into chunks nor on the rest
 * of the batch. The threads of a rank share sequences, heads and channels.
 */
final class CpuRecurrentOps implements RecurrentOps {
    /** Channels of a convolution that a thread takes at a time. */
    private static final int CHANNELS = 1024;

    /** Added to the squared length of queries and keys. */
    private static final float LENGTH_EPSILON = 1e-6f;

    /** Above this {@code softplus(x)} is x. */
    private static final float LINEAR_SOFTPLUS = 20;

    private final ThreadTeam team;
    private final CpuStep step;
    private final List<CpuStates> all = new ArrayList<>();

    CpuRecurrentOps(ThreadTeam team, CpuStep step) {
        this.team = team;
        this.step = step;
    }

    /** States of one layer: one array per slot and track, of floats or of bf16, allocated when the slot is first used. */
    private record CpuStates(Object[][] slots, int elements, StateFormat format) implements States {
        /** Allocates the slots of all sequences of the batch, before threads share a sequence's heads. */
        void allocate(Batch batch) {
            for (Object[] ofTrack : slots) {
                for (int slot : batch.slots()) {
                    allocate(ofTrack, slot);
                }
            }
        }

        private void allocate(Object[] ofTrack, int slot) {
            if (ofTrack[slot] == null) {
                ofTrack[slot] = isExact() ? new float[elements] : new short[elements];
            }
        }

        /** Copies a slot of one track. The source belonged to a sequence, so that its array exists. */
        void copy(int track, SlotCopy copy) {
            allocate(slots[track], copy.to());
            System.arraycopy(slots[track][copy.from()], 0, slots[track][copy.to()], 0, elements);
        }

        boolean isExact() {
            return format == StateFormat.FP32;
        }

        float[] floats(int track, int slot) {
            return (float[]) slots[track][slot];
        }

        void read(int track, int slot, int from, float[] to, int at, int count) {
            if (isExact()) {
                System.arraycopy(floats(track, slot), from, to, at, count);
                return;
            }
            short[] kept = (short[]) slots[track][slot];
            for (int i = 0; i < count; i++) {
                to[at + i] = Bfloat16.toFloat(kept[from + i]);
            }
        }

        void keep(int track, int slot, int to, float[] of, int at, int count) {
            if (isExact()) {
                System.arraycopy(of, at, floats(track, slot), to, count);
                return;
            }
            short[] kept = (short[]) slots[track][slot];
            for (int i = 0; i < count; i++) {
                kept[to + i] = Bfloat16.of(of[at + i]);
            }
        }

        /**
         * Rounds values to the format of the states, so that a token reads the same state whether or not the tokens before it are in the same step.
         */
        void round(float[] values, int from, int count) {
            for (int i = from; !isExact() && i < from + count; i++) {
                values[i] = Bfloat16.toFloat(Bfloat16.of(values[i]));
            }
        }
    }

    @Override
    public States states(String role, int tracks, int slots, int elements, StateFormat format) {
        CpuStates states = new CpuStates(new Object[tracks][slots], elements, format);
        all.add(states);
        return states;
    }

    @Override
    public void copy(List<SlotCopy> copies) {
        team.run(all.size() * copies.size(), i -> {
            CpuStates states = all.get(i / copies.size());
            for (int track = 0; track < states.slots.length; track++) {
                states.copy(track, copies.get(i % copies.size()));
            }
        });
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

    /** Convolves channels {@code from .. from + count - 1} of one sequence. The tokens of the step follow the latest tokens before it. */
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
        int slot = batch.slots()[sequence];
        float[] text = new float[(before + tokens) * count];
        for (int i = 0; i < before && !batch.begins(sequence); i++) {
            latest.read(track, slot, i * weights.cols() + from, text, i * count, count);
        }
        for (int i = 0; i < tokens; i++) {
            System.arraycopy(x.data(), x.row(track, first + i) + from, text, (before + i) * count, count);
            latest.round(text, (before + i) * count, count);
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
            latest.keep(track, slot, i * weights.cols() + from, text, (tokens + i) * count, count);
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
        int elements = shape.keyDim() * shape.valueDim();
        forTokens(
                (CpuStates) states,
                shape.valueHeads(),
                elements,
                (track, head, state, first) -> new DeltaHead(
                        (CpuTensor) out,
                        (CpuTensor) qkv,
                        (CpuTensor) betaDecay,
                        shape,
                        decay,
                        track,
                        head,
                        state,
                        first,
                        new float[shape.keyDim()],
                        new float[shape.valueDim()]));
    }

    /**
     * Computes one value head of one sequence.
     *
     * @param first index of the head's first element in {@code state}
     * @param unit buffer for a key or a query of length 1
     * @param added buffer for the term that a token adds to the state, before it is multiplied by the key
     */
    private record DeltaHead(
            CpuTensor out,
            CpuTensor qkv,
            CpuTensor betaDecay,
            DeltaShape shape,
            Decay decay,
            int track,
            int head,
            float[] state,
            int first,
            float[] unit,
            float[] added)
            implements Head {
        @Override
        public void token(int row) {
            int q = qkv.row(track, row) + head / (shape.valueHeads() / shape.keyHeads()) * shape.keyDim();
            int v = qkv.row(track, row) + 2 * shape.keyCols() + head * shape.valueDim();
            int b = betaDecay.row(track, row) + head;
            float beta = sigmoid(betaDecay.data()[b]);
            float a = betaDecay.data()[b + shape.valueHeads()];
            float kept = Exponential.of(
                    -ofHead(decay.rate(), track, head) * softplus(a + ofHead(decay.bias(), track, head)));
            setUnit(q + shape.keyCols(), 1);
            Arrays.fill(added, 0);
            InnerLoops.CHOSEN.addValues(added, 0, unit, 0, unit.length, state, first, added.length);
            for (int j = 0; j < added.length; j++) {
                added[j] = (qkv.data()[v + j] - kept * added[j]) * beta;
            }
            decayAndAdd(state, first, kept, unit, 0, unit.length, added);
            setUnit(q, (float) (1 / Math.sqrt(shape.keyDim())));
            int o = out.row(track, row) + head * shape.valueDim();
            Arrays.fill(out.data(), o, o + added.length, 0);
            InnerLoops.CHOSEN.addValues(out.data(), o, unit, 0, unit.length, state, first, added.length);
        }

        private void setUnit(int from, float length) {
            float squares = InnerLoops.CHOSEN.sumOfSquares(qkv.data(), from, unit.length) + LENGTH_EPSILON;
            float factor = (float) (length / Math.sqrt(squares));
            for (int i = 0; i < unit.length; i++) {
                unit[i] = factor * qkv.data()[from + i];
            }
        }
    }

    @Override
    public void selectiveScan(Tensor out, Tensor projected, ScanShape shape, Decay decay, Tensor skip, States states) {
        int elements = shape.stateSize() * shape.headDim();
        forTokens(
                (CpuStates) states,
                shape.heads(),
                elements,
                (track, head, state, first) -> new ScanHead(
                        (CpuTensor) out,
                        (CpuTensor) projected,
                        shape,
                        decay,
                        ofHead(skip, track, head),
                        track,
                        head,
                        state,
                        first,
                        new float[shape.headDim()]));
    }

    /**
     * Computes one head of one sequence.
     *
     * @param first index of the head's first element in {@code state}
     * @param added buffer for the term that a token adds to the state, before it is multiplied by B
     */
    private record ScanHead(
            CpuTensor out,
            CpuTensor projected,
            ScanShape shape,
            Decay decay,
            float skip,
            int track,
            int head,
            float[] state,
            int first,
            float[] added)
            implements Head {
        @Override
        public void token(int row) {
            float[] data = projected.data();
            int start = projected.row(track, row);
            int x = start + head * shape.headDim();
            int in = start + shape.valueCols() + head / (shape.heads() / shape.groups()) * shape.stateSize();
            float unbounded = softplus(data[start + shape.stepCol() + head] + ofHead(decay.bias(), track, head));
            float time = Math.min(Math.max(unbounded, shape.leastStep()), shape.mostStep());
            float kept = Exponential.of(-ofHead(decay.rate(), track, head) * time);
            int o = out.row(track, row) + head * shape.headDim();
            for (int j = 0; j < added.length; j++) {
                added[j] = time * data[x + j];
                out.data()[o + j] = skip * data[x + j];
            }
            decayAndAdd(state, first, kept, data, in, shape.stateSize(), added);
            int read = in + shape.groupCols();
            InnerLoops.CHOSEN.addValues(out.data(), o, data, read, shape.stateSize(), state, first, added.length);
        }
    }

    @Override
    public void gatedLinear(Tensor out, Tensor qkv, Tensor decays, LinearShape shape, States states) {
        int elements = shape.keyDim() * shape.valueDim();
        forTokens(
                (CpuStates) states,
                shape.heads(),
                elements,
                (track, head, state, first) -> new LinearHead(
                        (CpuTensor) out,
                        (CpuTensor) qkv,
                        (CpuTensor) decays,
                        shape,
                        track,
                        head,
                        state,
                        first,
                        new float[shape.keyDim()]));
    }

    /**
     * Computes one head of one sequence.
     *
     * @param first index of the head's first element in {@code state}
     * @param scaled buffer for a query
     */
    private record LinearHead(
            CpuTensor out,
            CpuTensor qkv,
            CpuTensor decays,
            LinearShape shape,
            int track,
            int head,
            float[] state,
            int first,
            float[] scaled)
            implements Head {
        @Override
        public void token(int row) {
            int cols = shape.valueDim();
            int q = qkv.row(track, row) + head * shape.keyDim();
            int k = q + shape.keyCols();
            int v = qkv.row(track, row) + 2 * shape.keyCols() + head * cols;
            int a = decays.row(track, row) + head * shape.keyDim();
            for (int i = 0; i < shape.keyDim(); i++) {
                float logarithm = -softplus(-decays.data()[a + i]) / shape.divisor();
                float kept = Exponential.of(Math.max(logarithm, shape.least()));
                float key = qkv.data()[k + i];
                int at = first + i * cols;
                for (int j = 0; j < cols; j++) {
                    state[at + j] = kept * state[at + j] + key * qkv.data()[v + j];
                }
                scaled[i] = (float) (qkv.data()[q + i] / Math.sqrt(shape.keyDim()));
            }
            int o = out.row(track, row) + head * cols;
            Arrays.fill(out.data(), o, o + cols, 0);
            InnerLoops.CHOSEN.addValues(out.data(), o, scaled, 0, shape.keyDim(), state, first, cols);
        }
    }

    /** {@code S = kept * S + weights added^T}, for the {@code rows} rows of S from {@code first} on. */
    private static void decayAndAdd(
            float[] state, int first, float kept, float[] weights, int w, int rows, float[] added) {
        for (int i = 0; i < rows; i++) {
            int row = first + i * added.length;
            float weight = weights[w + i];
            for (int j = 0; j < added.length; j++) {
                state[row + j] = kept * state[row + j] + weight * added[j];
            }
        }
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
        forRows((CpuTensor) xInOut, (CpuTensor) gates, firstCol, (track, row, x, from, g, gate, cols) -> {
            for (int c = 0; c < cols; c += head) {
                RowNorm.run(x, from + c, x, from + c, head, norm, track);
            }
            mulSilu(x, from, g, gate, cols);
        });
    }

    @Override
    public void gateAndNorm(Tensor xInOut, Norm norm, int groups, Tensor gates, int firstCol) {
        CpuTensor weight = (CpuTensor) norm.weight();
        forRows((CpuTensor) xInOut, (CpuTensor) gates, firstCol, (track, row, x, from, g, gate, cols) -> {
            mulSilu(x, from, g, gate, cols);
            int width = cols / groups;
            for (int c = 0; c < cols; c += width) {
                int at = from + c;
                int w = weight.row(track, 0) + c;
                RowNorm.rms(x, at, x, at, width, weight.data(), w, norm.epsilon());
            }
        });
    }

    @Override
    public void gatedSquares(Tensor sumsOut, int group, Tensor x, Tensor gates, int firstCol) {
        CpuTensor sums = (CpuTensor) sumsOut;
        forRows((CpuTensor) x, (CpuTensor) gates, firstCol, (track, row, values, from, g, gate, cols) -> {
            float[] gated = Arrays.copyOfRange(values, from, from + cols);
            mulSilu(gated, 0, g, gate, cols);
            int to = sums.row(track, row);
            Arrays.fill(sums.data(), to, to + sums.cols(), 0);
            sums.data()[to + group] = InnerLoops.CHOSEN.sumOfSquares(gated, 0, cols);
        });
    }

    @Override
    public void gateAndNorm(Tensor xInOut, Norm norm, GroupSquares squares, Tensor gates, int firstCol) {
        CpuTensor sums = (CpuTensor) squares.sums();
        CpuTensor weight = (CpuTensor) norm.weight();
        forRows((CpuTensor) xInOut, (CpuTensor) gates, firstCol, (track, row, x, from, g, gate, cols) -> {
            mulSilu(x, from, g, gate, cols);
            float mean = sums.data()[sums.row(track, row) + squares.group()] / squares.cols();
            float inverse = (float) (1 / Math.sqrt(mean + norm.epsilon()));
            InnerLoops.CHOSEN.scale(x, from, x, from, cols, inverse, weight.data(), weight.row(track, 0));
        });
    }

    /** {@code x = x * silu(gate)}. */
    private static void mulSilu(float[] x, int from, float[] gates, int gate, int cols) {
        for (int c = 0; c < cols; c++) {
            x[from + c] *= gates[gate + c];
        }
        InnerLoops.CHOSEN.sigmoidMul(x, from, gates, gate, cols);
    }

    @Override
    public void gate(Tensor xInOut, Tensor gates, int firstCol) {
        forRows(
                (CpuTensor) xInOut,
                (CpuTensor) gates,
                firstCol,
                (track, row, x, from, g, gate, cols) -> InnerLoops.CHOSEN.sigmoidMul(x, from, g, gate, cols));
    }

    @FunctionalInterface
    private interface GatedRow {
        void accept(int track, int row, float[] x, int from, float[] gates, int gate, int cols);
    }

    private void forRows(CpuTensor x, CpuTensor gates, int firstCol, GatedRow work) {
        team.runRanges(x.tracks() * x.rows(), ThreadTeam.grain(x.cols()), 1, (from, to) -> {
            for (int i = from; i < to; i++) {
                int track = i / x.rows();
                int row = i % x.rows();
                work.accept(
                        track,
                        row,
                        x.data(),
                        x.row(track, row),
                        gates.data(),
                        gates.row(track, row) + firstCol,
                        x.cols());
            }
        });
    }

    /** Computes one head of one sequence. */
    @FunctionalInterface
    private interface Head {
        void token(int row);
    }

    @FunctionalInterface
    private interface HeadOf {
        Head of(int track, int head, float[] state, int first);
    }

    /**
     * Runs the tokens of every sequence through the state of each head, which has {@code elements} elements. The state is empty if the sequence
     * begins.
     */
    private void forTokens(CpuStates states, int heads, int elements, HeadOf headOf) {
        Batch batch = step.batch();
        forHeads(states, heads, (track, sequence, head) -> {
            int slot = batch.slots()[sequence];
            float[] state = states.isExact() ? states.floats(track, slot) : new float[elements];
            int first = states.isExact() ? head * elements : 0;
            if (batch.begins(sequence)) {
                Arrays.fill(state, first, first + elements, 0);
            } else if (!states.isExact()) {
                states.read(track, slot, head * elements, state, 0, elements);
            }
            Head one = headOf.of(track, head, state, first);
            for (int row = batch.queryStarts()[sequence]; row < batch.queryStarts()[sequence + 1]; row++) {
                one.token(row);
                states.round(state, first, elements);
            }
            if (!states.isExact()) {
                states.keep(track, slot, head * elements, state, 0, elements);
            }
        });
    }

    @FunctionalInterface
    private interface HeadWork {
        void accept(int track, int sequence, int head);
    }

    /** Runs {@code work} for the heads of all tracks and sequences. Each is a piece of work, since sequences differ in their numbers of tokens. */
    private void forHeads(CpuStates states, int heads, HeadWork work) {
        states.allocate(step.batch());
        int ofTrack = step.batch().sequences() * heads;
        team.run(states.slots().length * ofTrack, i -> work.accept(i / ofTrack, i % ofTrack / heads, i % heads));
    }
}
