package nighttrain.executor.device;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.stream.IntStream;
import nighttrain.executor.device.Ops.Norm;
import nighttrain.executor.device.RecurrentOps.Convolution;
import nighttrain.executor.device.RecurrentOps.Decay;
import nighttrain.executor.device.RecurrentOps.DeltaShape;
import nighttrain.executor.device.RecurrentOps.GroupSquares;
import nighttrain.executor.device.RecurrentOps.LinearShape;
import nighttrain.executor.device.RecurrentOps.ScanShape;
import nighttrain.executor.device.RecurrentOps.States;
import nighttrain.executor.step.Batch;
import nighttrain.executor.step.Batch.SlotCopy;
import nighttrain.io.spec.StateFormat;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Compares the operations of recurrent mixers with float64 over whole texts. The device gets the texts in chunks, in mixed steps, and in slots
 * that earlier sequences have left full of NaN.
 */
public abstract class AbstractRecurrentOpsTest extends OneDevice {
    private static final float EPSILON = 1e-5f;
    private static final int[] SLOTS = {3, 0, 2};
    private static final int ALL_SLOTS = 5;

    protected AbstractRecurrentOpsTest(TestBackend backend) {
        super(backend);
    }

    /** Allows more error for states in bf16, which are rounded repeatedly with a mean error of 0.1 %. */
    private Closeness closeness(StateFormat format) {
        return format == StateFormat.FP32 ? closeness : new Closeness(2e-2, noise.seed);
    }

    private RecurrentOps recurrent() {
        return device.recurrentOps().orElseThrow();
    }

    /** The tokens {@code from .. to - 1} of every sequence's text that a step takes: none, one or a chunk. */
    private record Pieces(int[] from, int[] to) {
        /** Returns random steps that take the texts in order until they end. */
        static List<Pieces> of(Noise noise, int... lengths) {
            List<Pieces> steps = new ArrayList<>();
            int[] done = new int[lengths.length];
            while (!Arrays.equals(done, lengths)) {
                int[] to = new int[lengths.length];
                for (int s = 0; s < to.length; s++) {
                    int[] choices = {0, 1, 1 + noise.below(5), 63 + noise.below(3)};
                    to[s] = Math.min(lengths[s], done[s] + choices[noise.below(4)]);
                }
                steps.add(new Pieces(done, to));
                done = to;
            }
            return steps;
        }

        /** Returns steps for three texts: the last in chunks as long as a step allows, the others whole in the first step. */
        static List<Pieces> ofLongText(int... lengths) {
            int[] done = {lengths[0], lengths[1], 1_000};
            List<Pieces> steps = new ArrayList<>(List.of(new Pieces(new int[3], done)));
            while (done[2] < lengths[2]) {
                int[] to = {lengths[0], lengths[1], Math.min(lengths[2], done[2] + TestBackend.MAX_TOKENS)};
                steps.add(new Pieces(done, to));
                done = to;
            }
            return steps;
        }

        private int[] present() {
            return IntStream.range(0, from.length).filter(s -> to[s] > from[s]).toArray();
        }

        Batch batch() {
            int[] present = present();
            int[] starts = new int[present.length + 1];
            for (int i = 0; i < present.length; i++) {
                starts[i + 1] = starts[i] + to[present[i]] - from[present[i]];
            }
            return new Batch(
                    new int[starts[present.length]],
                    Arrays.stream(present)
                            .flatMap(s -> IntStream.range(from[s], to[s]))
                            .toArray(),
                    starts,
                    new int[present.length][1][TestBackend.MAX_LENGTH / TestBackend.PAGE_TOKENS],
                    Arrays.stream(present).map(s -> SLOTS[s]).toArray(),
                    new int[0],
                    List.of());
        }

        /** Returns the rows of these tokens in a tensor that holds all texts one after the other. */
        int[] rows(int... lengths) {
            int[] firsts = new int[lengths.length];
            for (int s = 1; s < lengths.length; s++) {
                firsts[s] = firsts[s - 1] + lengths[s - 1];
            }
            return Arrays.stream(present())
                    .flatMap(s -> IntStream.range(firsts[s] + from[s], firsts[s] + to[s]))
                    .toArray();
        }
    }

    private static float[] rows(float[] all, int tracks, int cols, int[] rows) {
        int ofTrack = all.length / tracks;
        float[] some = new float[tracks * rows.length * cols];
        for (int i = 0; i < tracks * rows.length; i++) {
            System.arraycopy(all, i / rows.length * ofTrack + rows[i % rows.length] * cols, some, i * cols, cols);
        }
        return some;
    }

    private static void put(float[] all, int tracks, int cols, int[] rows, float[] some) {
        int ofTrack = all.length / tracks;
        for (int i = 0; i < tracks * rows.length; i++) {
            System.arraycopy(some, i * cols, all, i / rows.length * ofTrack + rows[i % rows.length] * cols, cols);
        }
    }

    private interface StepWork {
        void run(Tensor out, Tensor ofStep, int[] rows);
    }

    /** Returns the outputs for {@code x [tracks, all tokens, cols]}, computed step by step. */
    private float[] inPieces(List<Pieces> steps, int[] lengths, int tracks, float[] x, int outCols, StepWork work) {
        int all = IntStream.of(lengths).sum();
        int cols = x.length / tracks / all;
        float[] actual = new float[tracks * all * outCols];
        for (Pieces step : steps) {
            int[] rows = step.rows(lengths);
            stepIo.begin(step.batch());
            Tensor out = poisoned(tracks, rows.length, outCols);
            work.run(out, holding(rows(x, tracks, cols, rows), tracks, rows.length, cols), rows);
            put(actual, tracks, outCols, rows, device.read(out));
        }
        return actual;
    }

    /** Runs {@code operation} on NaN, so that every slot the test uses holds NaN. */
    private void leaveNaN(Consumer<Tensor> operation, int tracks, int cols) {
        Pieces longest = new Pieces(new int[SLOTS.length], new int[] {9, 9, 9});
        stepIo.begin(longest.batch());
        operation.accept(poisoned(tracks, longest.batch().size(), cols));
    }

    @ParameterizedTest
    @CsvSource({
        "1,8,4,false,0",
        "2,37,4,true,5",
        "1,1030,3,true,5",
        "3,16,2,false,5",
        "1,24,1,true,8",
        "2,1032,4,true,8",
        "1,40,3,false,16"
    })
    void convolutionsSeeTheTokensBefore(int tracks, int channels, int width, boolean biased, int beside) {
        int[] lengths = {1, 70, 131};
        int all = IntStream.of(lengths).sum();
        int cols = channels + beside; // the columns beside stay unchanged
        float[] x = noise.normal(tracks * all * cols);
        float[] weights = noise.normal(tracks * width * channels);
        float[] bias = noise.normal(tracks * channels);
        Convolution convolution = new Convolution(
                device.constant("weights", tracks, width, channels, weights),
                biased ? Optional.of(device.constant("bias", tracks, 1, channels, bias)) : Optional.empty());
        double[] expected = Formulas.wide(x);
        for (int track = 0, first = 0; track < tracks; track++) {
            for (int length : lengths) {
                for (int t = 0; t < length; t++) {
                    for (int c = 0; c < channels; c++) {
                        double sum = biased ? bias[track * channels + c] : 0;
                        for (int j = Math.max(0, width - 1 - t); j < width; j++) {
                            sum += (double) weights[(track * width + j) * channels + c]
                                    * x[(first + t - width + 1 + j) * cols + c];
                        }
                        expected[(first + t) * cols + c] = sum / (1 + Math.exp(-sum));
                    }
                }
                first += length;
            }
        }
        for (StateFormat format : StateFormat.values()) {
            States latest = recurrent().states("latest", tracks, ALL_SLOTS, (width - 1) * channels, format);
            leaveNaN(tensor -> recurrent().convolve(tensor, convolution, latest), tracks, cols);
            float[] actual = new float[x.length];
            for (Pieces step : Pieces.of(noise, lengths)) {
                int[] rows = step.rows(lengths);
                stepIo.begin(step.batch());
                Tensor tensor = holding(rows(x, tracks, cols, rows), tracks, rows.length, cols);
                recurrent().convolve(tensor, convolution, latest);
                put(actual, tracks, cols, rows, device.read(tensor));
            }
            closeness(format).check("convolution", expected, actual, cols);
        }
    }

    /**
     * Gates range from wide open to shut: {@code a} has a standard deviation of up to 40. Keys are as long as queries and values; states must
     * still not outgrow them.
     */
    @ParameterizedTest
    @CsvSource({
        "1,1,1,8,8,1,3",
        "1,2,6,16,24,1,3",
        "2,3,3,37,5,1,3",
        "1,4,8,8,6,10,3",
        "1,1,2,128,128,1,3",
        "1,2,2,16,16,40,3",
        "1,2,4,128,128,1,0",
        "2,1,3,128,128,1,8",
        "1,2,4,128,128,40,256",
        "1,2,2,64,128,10,8",
        "1,3,3,128,64,1,8"
    })
    void deltaRuleFollowsTheRecurrence(
            int tracks, int keyHeads, int valueHeads, int keyDim, int valueDim, double spread, int beside) {
        int[] lengths = {1, 70, 131};
        DeltaShape shape = new DeltaShape(keyHeads, valueHeads, keyDim, valueDim);
        delta(shape, tracks, spread, beside, lengths, Pieces.of(noise, lengths), StateFormat.values());
    }

    /** Errors do not add up over long texts. */
    @ParameterizedTest
    @CsvSource({"32,24", "128,128"})
    void deltaRuleOverALongText(int keyDim, int valueDim) {
        int[] lengths = {1, 2, 8_192};
        List<Pieces> steps = Pieces.ofLongText(lengths);
        delta(new DeltaShape(1, 2, keyDim, valueDim), 1, 1, 8, lengths, steps, StateFormat.FP32);
    }

    /** @param beside columns beside queries, keys and values */
    private void delta(
            DeltaShape shape,
            int tracks,
            double spread,
            int beside,
            int[] lengths,
            List<Pieces> steps,
            StateFormat... formats) {
        int all = IntStream.of(lengths).sum();
        int heads = shape.valueHeads();
        int cols = shape.qkvCols() + beside;
        float[] qkv = noise.normal(tracks * all * cols);
        float[] betaDecay = noise.normal(tracks * all * 2 * heads, 0, spread);
        float[] rate = noise.normal(tracks * heads);
        for (int i = 0; i < rate.length; i++) {
            rate[i] = (float) Math.exp(2 * rate[i] - 2);
        }
        float[] bias = noise.normal(tracks * heads);
        Decay decay = new Decay(
                device.constant("rate", tracks, 1, heads, rate), device.constant("bias", tracks, 1, heads, bias));
        double[] expected = new double[tracks * all * shape.valueCols()];
        for (int track = 0, first = 0; track < tracks; track++) {
            for (int length : lengths) {
                for (int head = 0; head < heads; head++) {
                    recurrence(expected, qkv, betaDecay, rate, bias, shape, track, head, first, length, cols);
                }
                first += length;
            }
        }
        List<float[]> results = new ArrayList<>();
        for (StateFormat format : formats) {
            States states =
                    recurrent().states("states", tracks, ALL_SLOTS, heads * shape.keyDim() * shape.valueDim(), format);
            leaveNaN(
                    poison -> recurrent()
                            .gatedDelta(
                                    poisoned(tracks, poison.rows(), shape.valueCols()),
                                    poison,
                                    poisoned(tracks, poison.rows(), 2 * heads),
                                    shape,
                                    decay,
                                    states),
                    tracks,
                    cols);
            float[] actual = inPieces(
                    steps,
                    lengths,
                    tracks,
                    qkv,
                    shape.valueCols(),
                    (out, ofStep, rows) -> recurrent()
                            .gatedDelta(
                                    out,
                                    ofStep,
                                    holding(rows(betaDecay, tracks, 2 * heads, rows), tracks, rows.length, 2 * heads),
                                    shape,
                                    decay,
                                    states));
            closeness(format).check("gated delta rule", expected, actual, shape.valueCols());
            assertThat(results).allSatisfy(other -> assertThat(other).isNotEqualTo(actual));
            results.add(actual);
        }
    }

    /** Computes the paper's recurrence over tokens {@code first .. first + length - 1} of all tracks' texts. */
    private static void recurrence(
            double[] out,
            float[] qkv,
            float[] betaDecay,
            float[] rate,
            float[] bias,
            DeltaShape shape,
            int track,
            int head,
            int first,
            int length,
            int cols) {
        int heads = shape.valueHeads();
        double[][] state = new double[shape.keyDim()][shape.valueDim()];
        int keyHead = head / (heads / shape.keyHeads());
        for (int t = first; t < first + length; t++) {
            double[] q = unit(qkv, t * cols + keyHead * shape.keyDim(), shape.keyDim());
            double[] k = unit(qkv, t * cols + shape.keyCols() + keyHead * shape.keyDim(), shape.keyDim());
            double beta = 1 / (1 + Math.exp(-betaDecay[t * 2 * heads + head]));
            double a = (double) betaDecay[t * 2 * heads + heads + head] + bias[track * heads + head];
            double kept = Math.exp(-rate[track * heads + head] * (Math.log1p(Math.exp(-Math.abs(a))) + Math.max(a, 0)));
            for (int j = 0; j < shape.valueDim(); j++) {
                double known = 0;
                for (int i = 0; i < k.length; i++) {
                    state[i][j] *= kept;
                    known += state[i][j] * k[i];
                }
                double value = qkv[t * cols + 2 * shape.keyCols() + head * shape.valueDim() + j];
                double seen = 0;
                for (int i = 0; i < k.length; i++) {
                    state[i][j] += k[i] * beta * (value - known);
                    seen += state[i][j] * q[i] / Math.sqrt(k.length);
                }
                out[t * shape.valueCols() + head * shape.valueDim() + j] = seen;
            }
        }
    }

    /**
     * Steps are clamped to their bounds; decays reach 0 and 1. Some shapes fit the tiles of tensor cores; others do not because of their head
     * width, their state size or their rows.
     */
    @ParameterizedTest
    @CsvSource({
        "1,1,8,1,8,1,0,Infinity",
        "1,6,24,2,16,1,0,Infinity",
        "2,3,5,3,37,1,0.01,0.5",
        "1,8,64,1,128,3,0,Infinity",
        "1,4,16,2,16,40,0,Infinity",
        "1,8,64,2,128,40,0,Infinity",
        "2,8,32,4,64,1,0.01,0.5",
        "2,16,80,2,128,1,0,Infinity",
        "1,8,128,1,128,1,0,Infinity",
        "1,8,16,8,256,1,0,Infinity",
        "1,3,64,1,128,1,0,Infinity"
    })
    void scansFollowTheRecurrence(
            int tracks, int heads, int headDim, int groups, int stateSize, double spread, float least, float most) {
        int[] lengths = {1, 70, 131};
        ScanShape shape = new ScanShape(heads, headDim, groups, stateSize, least, most);
        scan(shape, tracks, spread, lengths, Pieces.of(noise, lengths), StateFormat.values());
    }

    /** Errors do not add up over long texts. */
    @ParameterizedTest
    @CsvSource({"1,24,32,1", "8,32,128,1", "8,64,64,10"})
    void scansOverALongText(int heads, int headDim, int stateSize, double spread) {
        int[] lengths = {1, 2, 8_192};
        scan(
                new ScanShape(heads, headDim, 1, stateSize, 0, Float.POSITIVE_INFINITY),
                1,
                spread,
                lengths,
                Pieces.ofLongText(lengths),
                StateFormat.FP32);
    }

    private void scan(
            ScanShape shape, int tracks, double spread, int[] lengths, List<Pieces> steps, StateFormat... formats) {
        int heads = shape.heads();
        int all = IntStream.of(lengths).sum();
        int cols = shape.stepCol() + heads;
        float[] projected = noise.normal(tracks * all * cols);
        for (int i = 0; i < projected.length; i++) {
            projected[i] *= i % cols >= shape.stepCol() ? (float) spread : 1;
        }
        float[] rate = noise.normal(tracks * heads);
        for (int i = 0; i < rate.length; i++) {
            rate[i] = (float) Math.exp(2 * rate[i] - 2);
        }
        float[] bias = noise.normal(tracks * heads);
        float[] skip = noise.normal(tracks * heads);
        Decay decay = new Decay(
                device.constant("rate", tracks, 1, heads, rate), device.constant("bias", tracks, 1, heads, bias));
        Tensor passing = device.constant("skip", tracks, 1, heads, skip);
        double[] expected = new double[tracks * all * shape.valueCols()];
        for (int track = 0, first = 0; track < tracks; track++) {
            for (int length : lengths) {
                for (int head = 0; head < heads; head++) {
                    scan(expected, projected, rate, bias, skip, shape, track * heads + head, head, first, length);
                }
                first += length;
            }
        }
        List<float[]> results = new ArrayList<>();
        for (StateFormat format : formats) {
            States states = recurrent()
                    .states("states", tracks, ALL_SLOTS, heads * shape.stateSize() * shape.headDim(), format);
            leaveNaN(
                    poison -> recurrent()
                            .selectiveScan(
                                    poisoned(tracks, poison.rows(), shape.valueCols()),
                                    poison,
                                    shape,
                                    decay,
                                    passing,
                                    states),
                    tracks,
                    cols);
            float[] actual = inPieces(
                    steps,
                    lengths,
                    tracks,
                    projected,
                    shape.valueCols(),
                    (out, ofStep, rows) -> recurrent().selectiveScan(out, ofStep, shape, decay, passing, states));
            closeness(format).check("selective scan", expected, actual, shape.valueCols());
            assertThat(results).allSatisfy(other -> assertThat(other).isNotEqualTo(actual));
            results.add(actual);
        }
    }

    /** Computes the paper's recurrence over tokens {@code first .. first + length - 1} of all tracks' texts. */
    private static void scan(
            double[] out,
            float[] projected,
            float[] rate,
            float[] bias,
            float[] skip,
            ScanShape shape,
            int ofTrack,
            int head,
            int first,
            int length) {
        int cols = shape.stepCol() + shape.heads();
        double[][] state = new double[shape.stateSize()][shape.headDim()];
        int group = shape.valueCols() + head * shape.groups() / shape.heads() * shape.stateSize();
        for (int t = first; t < first + length; t++) {
            double a = (double) projected[t * cols + shape.stepCol() + head] + bias[ofTrack];
            double softplus = Math.log1p(Math.exp(-Math.abs(a))) + Math.max(a, 0);
            double time = Math.min(Math.max(softplus, shape.leastStep()), shape.mostStep());
            for (int j = 0; j < shape.headDim(); j++) {
                double x = projected[t * cols + head * shape.headDim() + j];
                double read = skip[ofTrack] * x;
                for (int i = 0; i < shape.stateSize(); i++) {
                    state[i][j] =
                            Math.exp(-rate[ofTrack] * time) * state[i][j] + projected[t * cols + group + i] * time * x;
                    read += state[i][j] * projected[t * cols + group + shape.groupCols() + i];
                }
                out[t * shape.valueCols() + head * shape.headDim() + j] = read;
            }
        }
    }

    /**
     * Some rows of a state are kept, others decay, at once where {@code a} reaches 1e30; decays are bounded or not. Values may be wider than a
     * block or not divisible by a vector; shapes may fit the tiles of tensor cores or not.
     */
    @ParameterizedTest
    @CsvSource({
        "1,1,8,8,1,16,-Infinity",
        "2,3,5,7,1,1,-Infinity",
        "1,4,16,24,40,1,-Infinity",
        "1,3,16,16,40,1,-Infinity",
        "2,1,48,96,1,16,-Infinity",
        "1,2,64,128,1,16,-0.05",
        "1,2,80,32,1,1,0",
        "2,2,64,64,1e30,1,-Infinity",
        "1,1,128,32,300,16,-Infinity",
        "1,1,272,16,1,16,-Infinity",
        "1,2,256,512,4,16,-Infinity"
    })
    void linearAttentionFollowsTheRecurrence(
            int tracks, int heads, int keyDim, int valueDim, double spread, float divisor, float least) {
        int[] lengths = {1, 70, 131};
        LinearShape shape = new LinearShape(heads, keyDim, valueDim, divisor, least);
        linear(shape, tracks, spread, lengths, Pieces.of(noise, lengths), StateFormat.values());
    }

    /** Three steps take 1, 1, 1 tokens of the first text, {@code cut, cut, 0} of the second, and {@code 64, 1, cut} of the third. */
    @ParameterizedTest
    @ValueSource(ints = {15, 16, 17, 63, 64, 65, 127, 128, 129})
    void linearAttentionIsCutAnywhere(int cut) {
        int[] lengths = {3, 2 * cut, 64 + 1 + cut};
        int[] first = {1, cut, 64};
        int[] second = {2, 2 * cut, 64 + 1};
        List<Pieces> steps =
                List.of(new Pieces(new int[3], first), new Pieces(first, second), new Pieces(second, lengths));
        linear(new LinearShape(2, 32, 48, 1, Float.NEGATIVE_INFINITY), 2, 1, lengths, steps, StateFormat.FP32);
    }

    /** Errors do not add up over long texts. */
    @ParameterizedTest
    @CsvSource({"24,40,1,16", "64,128,1,16", "256,32,40,1"})
    void linearAttentionOverALongText(int keyDim, int valueDim, double spread, float divisor) {
        int[] lengths = {1, 2, 8_192};
        List<Pieces> steps = Pieces.ofLongText(lengths);
        LinearShape shape = new LinearShape(1, keyDim, valueDim, divisor, Float.NEGATIVE_INFINITY);
        linear(shape, 1, spread, lengths, steps, StateFormat.FP32);
    }

    private void linear(
            LinearShape shape, int tracks, double spread, int[] lengths, List<Pieces> steps, StateFormat... formats) {
        int all = IntStream.of(lengths).sum();
        int cols = shape.qkvCols() + 8;
        float[] qkv = noise.normal(tracks * all * cols);
        float[] decays = noise.normal(tracks * all * shape.keyCols(), 0, spread);
        double[] expected = new double[tracks * all * shape.valueCols()];
        for (int track = 0, first = 0; track < tracks; track++) {
            for (int length : lengths) {
                for (int head = 0; head < shape.heads(); head++) {
                    linear(expected, qkv, decays, shape, head, first, length, cols);
                }
                first += length;
            }
        }
        for (StateFormat format : formats) {
            States states = recurrent().states("states", tracks, ALL_SLOTS, shape.keyDim() * shape.valueCols(), format);
            leaveNaN(
                    poison -> recurrent()
                            .gatedLinear(
                                    poisoned(tracks, poison.rows(), shape.valueCols()),
                                    poison,
                                    poisoned(tracks, poison.rows(), shape.keyCols()),
                                    shape,
                                    states),
                    tracks,
                    cols);
            float[] actual = inPieces(
                    steps,
                    lengths,
                    tracks,
                    qkv,
                    shape.valueCols(),
                    (out, ofStep, rows) -> recurrent()
                            .gatedLinear(
                                    out,
                                    ofStep,
                                    holding(
                                            rows(decays, tracks, shape.keyCols(), rows),
                                            tracks,
                                            rows.length,
                                            shape.keyCols()),
                                    shape,
                                    states));
            closeness(format).check("gated linear attention", expected, actual, shape.valueCols());
        }
    }

    /** Computes the paper's recurrence over tokens {@code first .. first + length - 1} of all tracks' texts. */
    private static void linear(
            double[] out, float[] qkv, float[] decays, LinearShape shape, int head, int first, int length, int cols) {
        double[][] state = new double[shape.keyDim()][shape.valueDim()];
        for (int t = first; t < first + length; t++) {
            for (int i = 0; i < shape.keyDim(); i++) {
                int key = head * shape.keyDim() + i;
                double a = decays[t * shape.keyCols() + key];
                double logarithm = -(Math.log1p(Math.exp(-Math.abs(a))) + Math.max(-a, 0)) / shape.divisor();
                double kept = Math.exp(Math.max(logarithm, shape.least()));
                double query = qkv[t * cols + key] / Math.sqrt(shape.keyDim());
                for (int j = 0; j < shape.valueDim(); j++) {
                    int value = head * shape.valueDim() + j;
                    state[i][j] = kept * state[i][j]
                            + (double) qkv[t * cols + shape.keyCols() + key]
                                    * qkv[t * cols + 2 * shape.keyCols() + value];
                    out[t * shape.valueCols() + value] += state[i][j] * query;
                }
            }
        }
    }

    private static double[] unit(float[] x, int from, int length) {
        double squares = 1e-6;
        for (int i = 0; i < length; i++) {
            squares += (double) x[from + i] * x[from + i];
        }
        double[] unit = new double[length];
        for (int i = 0; i < length; i++) {
            unit[i] = x[from + i] / Math.sqrt(squares);
        }
        return unit;
    }

    /** A copy of a copy continues as the original state would, in every layer; widths are odd, and there are more copies than one launch takes. */
    @ParameterizedTest
    @CsvSource({"1,1,7", "2,3,8", "1,33,1030", "3,70,24"})
    void copiesGoOnAsTheirStates(int tracks, int count, int channels) {
        for (StateFormat format : StateFormat.values()) {
            try (Device own = backend.open(1).get(0)) { // a copy affects all states of a device
                RecurrentOps recurrent = own.recurrentOps().orElseThrow();
                Tensor weights = own.constant("weights", tracks, 4, channels, noise.normal(tracks * 4 * channels));
                List<Layer> layers = IntStream.range(0, 3)
                        .mapToObj(layer -> new Layer(
                                own,
                                new Convolution(weights, Optional.empty()),
                                recurrent.states("latest", tracks, 2 + count, 3 * channels, format)))
                        .toList();
                float[] text = noise.normal(tracks * 5 * channels);
                float[] then = noise.normal(tracks * 3 * channels);
                layers.forEach(layer -> layer.run(text, 0, 0));
                recurrent.copy(List.of(new SlotCopy(0, 1)));
                List<float[]> expected =
                        layers.stream().map(layer -> layer.run(then, 5, 0)).toList();
                recurrent.copy(IntStream.range(2, 2 + count)
                        .mapToObj(to -> new SlotCopy(1, to))
                        .toList());
                for (int slot = 1; slot < 2 + count; slot++) {
                    for (int layer = 0; layer < layers.size(); layer++) {
                        assertThat(layers.get(layer).run(then, 5, slot))
                                .as("layer %d, slot %d", layer, slot)
                                .isEqualTo(expected.get(layer));
                    }
                }
            }
        }
    }

    /** A layer whose state is the latest tokens. */
    private record Layer(Device device, Convolution convolution, States latest) {
        /** Returns the outputs for tokens {@code x} of the sequence in {@code slot}, from {@code position} on. */
        float[] run(float[] x, int position, int slot) {
            Tensor weights = convolution.weights();
            int tokens = x.length / weights.tracks() / weights.cols();
            device.stepIo()
                    .begin(new Batch(
                            new int[tokens],
                            IntStream.range(position, position + tokens).toArray(),
                            new int[] {0, tokens},
                            new int[1][1][TestBackend.PAGES_PER_SEQUENCE],
                            new int[] {slot},
                            new int[0],
                            List.of()));
            Tensor tensor = Tensors.holding(device, x, weights.tracks(), tokens, weights.cols());
            device.recurrentOps().orElseThrow().convolve(tensor, convolution, latest);
            return device.read(tensor);
        }
    }

    @ParameterizedTest
    @CsvSource({"1,1,1,8", "2,7,3,24", "1,33,5,61", "1,130,32,128"})
    void gatesMultiply(int tracks, int rows, int heads, int headDim) {
        int cols = heads * headDim;
        int first = 5;
        float[] x = noise.normal(tracks * rows * cols);
        float[] gates = noise.normal(tracks * rows * (first + cols + 2), 0, 4);
        float[] weight = noise.normal(tracks * headDim, 1, 0.5);
        double[] normed = Formulas.norm(Formulas.wide(x), rows * heads, headDim, weight, Optional.empty(), EPSILON);
        double[] silu = new double[x.length];
        double[] sigmoid = new double[x.length];
        for (int i = 0; i < x.length; i++) {
            double gate = gates[i / cols * (first + cols + 2) + first + i % cols];
            silu[i] = normed[i] * gate / (1 + Math.exp(-gate));
            sigmoid[i] = x[i] / (1 + Math.exp(-gate));
        }
        Tensor gateTensor = holding(gates, tracks, rows, first + cols + 2);
        Norm norm = new Norm(device.constant("weight", tracks, 1, headDim, weight), Optional.empty(), EPSILON);
        Tensor inOut = holding(x, tracks, rows, cols);
        recurrent().normAndGate(inOut, norm, gateTensor, first);
        closeness.check("normAndGate", silu, device.read(inOut), cols);
        device.write(inOut, x);
        recurrent().gate(inOut, gateTensor, first);
        closeness.check("gate", sigmoid, device.read(inOut), cols);
        assertThat(device.read(gateTensor)).isEqualTo(gates);

        float[] weights = noise.normal(tracks * cols, 1, 0.5);
        double[] gated = new double[x.length];
        for (int i = 0; i < x.length; i++) {
            double gate = gates[i / cols * (first + cols + 2) + first + i % cols];
            gated[i] = x[i] * gate / (1 + Math.exp(-gate));
        }
        float[] ones = new float[tracks * headDim];
        Arrays.fill(ones, 1);
        double[] grouped = Formulas.norm(gated, rows * heads, headDim, ones, Optional.empty(), EPSILON);
        for (int i = 0; i < grouped.length; i++) {
            grouped[i] *= weights[i / cols / rows * cols + i % cols];
        }
        Norm ofAll = new Norm(device.constant("weights", tracks, 1, cols, weights), Optional.empty(), EPSILON);
        device.write(inOut, x);
        recurrent().gateAndNorm(inOut, ofAll, heads, gateTensor, first);
        closeness.check("gateAndNorm", grouped, device.read(inOut), cols);
    }

    /** Simulates one of two ranks: {@code x} is half of the second of three groups; the other half's squares add {@code elsewhere}. */
    @ParameterizedTest
    @CsvSource({"1,1,8", "2,7,24", "1,33,305", "1,130,2048", "2,5,4096"})
    void aGroupInPartIsNormedByTheSquaresOfAll(int tracks, int rows, int cols) {
        int first = 5;
        float[] x = noise.normal(tracks * rows * cols);
        float[] gates = noise.normal(tracks * rows * (first + cols + 2), 0, 4);
        float[] weights = noise.normal(tracks * cols, 1, 0.5);
        double[] squares = new double[tracks * rows * 3];
        double[] gated = new double[x.length];
        for (int i = 0; i < x.length; i++) {
            double gate = gates[i / cols * (first + cols + 2) + first + i % cols];
            gated[i] = x[i] * gate / (1 + Math.exp(-gate));
            squares[i / cols * 3 + 1] += gated[i] * gated[i];
        }
        Tensor gateTensor = holding(gates, tracks, rows, first + cols + 2);
        Tensor inOut = holding(x, tracks, rows, cols);
        Tensor sums = device.logits("squares", tracks, rows, 3);
        float[] poison = new float[squares.length];
        Arrays.fill(poison, Float.NaN);
        device.write(sums, poison);
        recurrent().gatedSquares(sums, 1, inOut, gateTensor, first);
        float[] summed = device.read(sums);
        new Closeness(1e-4, noise.seed).check("gatedSquares", squares, summed, 3);
        assertThat(device.read(inOut)).isEqualTo(x);

        float elsewhere = cols / 2f;
        for (int row = 0; row < tracks * rows; row++) {
            summed[row * 3 + 1] += elsewhere;
        }
        device.write(sums, summed);
        for (int i = 0; i < gated.length; i++) {
            double mean = (squares[i / cols * 3 + 1] + elsewhere) / (2 * cols);
            gated[i] *= weights[i / cols / rows * cols + i % cols] / Math.sqrt(mean + EPSILON);
        }
        Norm norm = new Norm(device.constant("weights", tracks, 1, cols, weights), Optional.empty(), EPSILON);
        recurrent().gateAndNorm(inOut, norm, new GroupSquares(sums, 1, 2 * cols), gateTensor, first);
        closeness.check("gateAndNorm by squares", gated, device.read(inOut), cols);
    }
}
