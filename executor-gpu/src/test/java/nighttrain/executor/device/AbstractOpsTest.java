package nighttrain.executor.device;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.IntStream;
import nighttrain.executor.device.Ops.Norm;
import nighttrain.executor.step.SampleRequest;
import nighttrain.io.UserError;
import nighttrain.io.checkpoint.E4m3;
import nighttrain.io.spec.WeightFormat;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** Compares every operation but attention and sampling with float64: odd sizes, random inputs, poisoned outputs. */
public abstract class AbstractOpsTest extends OneDevice {
    private static final float EPSILON = 1e-5f;

    /** Rounding an output to bf16 gives a mean error of 0.11 %; a matmul in 8 bits may add 0.2 %. */
    private static final double FP8_TOLERANCE = 3e-3;

    protected AbstractOpsTest(TestBackend backend) {
        super(backend);
    }

    @ParameterizedTest
    @CsvSource({"1,1,24", "1,33,45", "3,130,64", "2,7,4096"})
    void embedLooksUpRowsAndAddPositionsAddsThem(int tracks, int rows, int cols) {
        float[] words = noise.normal(61 * cols);
        float[] places = noise.normal(256 * cols);
        Tensor table = device.table("words", 61, cols, Tensors.rows(words, 61, cols));
        Tensor positions = device.table("positions", 256, cols, Tensors.rows(places, 256, cols));
        int[] tokens = noise.tokens(rows, 61);
        Tensor x = poisoned(tracks, rows, cols);
        stepIo.begin(batch(tokens, new int[0], List.of()));
        ops.embed(x, table);
        float[] looked = device.read(x);
        ops.addPositions(x, positions);
        double[] sum = new double[looked.length];
        for (int i = 0; i < looked.length; i++) {
            int row = i / cols % rows;
            assertThat(looked[i])
                    .as("row %d (seed %d)", row, noise.seed)
                    .isEqualTo(words[tokens[row] * cols + i % cols]);
            sum[i] = (double) looked[i] + places[row * cols + i % cols];
        }
        closeness.check("addPositions", sum, device.read(x), cols);
    }

    @ParameterizedTest
    @CsvSource({
        "1,1,8,false",
        "1,7,24,true",
        "2,33,45,false",
        "3,5,61,true",
        "1,130,4096,false",
        "2,3,2056,true",
        "1,2,8192,true"
    })
    void normsFollowTheirEquations(int tracks, int rows, int cols, boolean layer) {
        float[] x = noise.normal(tracks * rows * cols, layer ? 3 : 0, 2);
        float[] y = noise.normal(x.length);
        float[] weight = noise.normal(tracks * cols, 1, 0.5);
        float[] bias = noise.normal(tracks * cols);
        Norm norm = new Norm(
                device.constant("weight", tracks, 1, cols, weight),
                layer ? Optional.of(device.constant("bias", tracks, 1, cols, bias)) : Optional.empty(),
                EPSILON);
        Optional<float[]> biases = layer ? Optional.of(bias) : Optional.empty();

        Tensor out = poisoned(tracks, rows, cols);
        ops.norm(out, holding(x, tracks, rows, cols), norm);
        closeness.check(
                "norm", Formulas.norm(Formulas.wide(x), rows, cols, weight, biases, EPSILON), device.read(out), cols);

        Tensor fused = poisoned(tracks, rows, cols);
        Tensor fusedSum = holding(x, tracks, rows, cols);
        ops.addNorm(fused, fusedSum, holding(y, tracks, rows, cols), norm);
        double[] sum = Formulas.sum(x, y);
        closeness.check("x of addNorm", sum, device.read(fusedSum), cols);
        closeness.check("addNorm", Formulas.norm(sum, rows, cols, weight, biases, EPSILON), device.read(fused), cols);

        Tensor plain = poisoned(tracks, rows, cols);
        Tensor plainSum = holding(x, tracks, rows, cols);
        ops.add(plainSum, holding(y, tracks, rows, cols));
        ops.norm(plain, plainSum, norm);
        closeness.check("x of add", sum, device.read(plainSum), cols);
        assertThat(device.read(fused))
                .as("addNorm is add, then norm (seed %d)", noise.seed)
                .isEqualTo(device.read(plain));
    }

    /** Other columns stay unchanged; neither widths nor offsets need be multiples of a vector. */
    @ParameterizedTest
    @CsvSource({"1,1,8,24,8", "2,7,0,32,24", "1,33,16,64,48", "3,5,13,61,8", "1,3,4096,2048,2048", "2,130,8,45,3"})
    void normColumnsNormsThemInPlace(int tracks, int rows, int first, int count, int behind) {
        int cols = first + count + behind;
        float[] x = noise.normal(tracks * rows * cols, 0, 2);
        float[] weight = noise.normal(tracks * count, 1, 0.5);
        Tensor inOut = holding(x, tracks, rows, cols);
        Norm norm = new Norm(device.constant("weight", tracks, 1, count, weight), Optional.empty(), EPSILON);
        ops.normColumns(inOut, first, norm);
        float[] actual = device.read(inOut);
        float[] within = new float[tracks * rows * count];
        float[] normed = new float[within.length];
        for (int row = 0; row < tracks * rows; row++) {
            System.arraycopy(x, row * cols + first, within, row * count, count);
            System.arraycopy(actual, row * cols + first, normed, row * count, count);
            System.arraycopy(x, row * cols + first, actual, row * cols + first, count);
        }
        double[] expected = Formulas.norm(Formulas.wide(within), rows, count, weight, Optional.empty(), EPSILON);
        closeness.check("normColumns", expected, normed, count);
        assertThat(actual).as("columns beside (seed %d)", noise.seed).isEqualTo(x);
    }

    @ParameterizedTest
    @CsvSource({"1,61,30", "7,1000,5", "33,45,0.5"})
    void softCapBoundsLogits(int rows, int vocabulary, float cap) {
        float[] x = noise.normal(rows * vocabulary, 0, 2 * cap);
        x[0] = 1e6f;
        x[1] = -1e6f;
        x[2] = 0;
        Tensor logits = device.logits("logits", rows, vocabulary);
        device.write(logits, x);
        ops.softCap(logits, cap);
        double[] expected = Arrays.stream(Formulas.wide(x))
                .map(v -> cap * Math.tanh(v / cap))
                .toArray();
        float[] actual = device.read(logits);
        new Closeness(1e-5, noise.seed).check("softCap", expected, actual, vocabulary);
        assertThat(new float[] {actual[0], actual[1], actual[2]}).isEqualTo(new float[] {cap, -cap, 0});
    }

    @ParameterizedTest
    @CsvSource({
        "1,1,24,45",
        "1,7,64,61",
        "1,33,256,130",
        "1,130,72,24",
        "3,1,24,24",
        "3,7,64,45",
        "3,33,128,61",
        "3,130,40,96",
        "2,600,64,48",
        "1,512,4096,256",
        "1,1,4096,4500",
        "2,8,1448,24",
        "1,3,14336,48"
    })
    void linearMultipliesAndAddsTheBias(int tracks, int rows, int inputs, int outputs) {
        float[] x = noise.normal(tracks * rows * inputs);
        float[] weights = noise.normal(tracks * outputs * inputs, 0, 1 / Math.sqrt(inputs));
        float[] bias = noise.normal(tracks * outputs);
        Tensor in = holding(x, tracks, rows, inputs);
        Matrix.Rows source = Tensors.rows(weights, outputs, inputs);
        Matrix plain = device.matrix("plain", tracks, outputs, inputs, source);
        Matrix biased = device.matrix("biased", tracks, outputs, inputs, source, bias);
        for (Matrix matrix : List.of(plain, biased)) {
            Tensor out = poisoned(tracks, rows, outputs);
            ops.linear(out, in, matrix);
            double[] expected = Formulas.linear(
                    x, weights, matrix == biased ? bias : new float[bias.length], tracks, rows, inputs, outputs);
            closeness.check(matrix == biased ? "linear with bias" : "linear", expected, device.read(out), outputs);
        }
    }

    /** Compares with float64 on the quantised values; one row is all zeros, one has a value a thousand times as large as the others. */
    @ParameterizedTest
    @CsvSource({
        "1,1,16,16",
        "1,7,64,48",
        "1,33,256,144",
        "1,130,80,32",
        "3,1,32,16",
        "3,7,48,64",
        "2,600,64,48",
        "1,512,4096,256",
        "1,65,14336,128",
        "1,1000,128,4096",
        "1,1,4096,208",
        "2,8,1456,32",
        "1,3,14336,48",
        "1,130,4112,528",
        "27,20,3088,16",
        "36,9,8208,16",
        "1,255,2064,208"
    })
    void linearInEightBitsMultipliesQuantizedValues(int tracks, int rows, int inputs, int outputs) {
        float[] x = noise.normal(tracks * rows * inputs);
        float[] weights = noise.normal(tracks * outputs * inputs, 0, 1 / Math.sqrt(inputs));
        float[] bias = noise.normal(tracks * outputs);
        x[inputs / 2] *= 1024;
        if (rows > 1) {
            Arrays.fill(x, inputs, 2 * inputs, 0);
        }
        if (rows > 2) { // so small that its factor would be infinite, and 0 times it no number
            Arrays.fill(x, 2 * inputs, 3 * inputs, 0);
            x[3 * inputs - 1] = 0x1p-124f;
        }
        Tensor in = holding(x, tracks, rows, inputs);
        Matrix.Rows source = Tensors.rows(weights, outputs, inputs);
        Matrix plain = device.matrix("plain", tracks, outputs, inputs, source, Optional.empty(), WeightFormat.FP8);
        Matrix biased = device.matrix("biased", tracks, outputs, inputs, source, Optional.of(bias), WeightFormat.FP8);
        for (Matrix matrix : List.of(plain, biased)) {
            assertThat(matrix.format()).isEqualTo(WeightFormat.FP8);
            Tensor out = poisoned(tracks, rows, outputs);
            ops.linear(out, in, matrix);
            double[] expected = Formulas.linear(
                    quantized(x, inputs),
                    quantized(weights, inputs),
                    matrix == biased ? bias : new float[bias.length],
                    tracks,
                    rows,
                    inputs,
                    outputs);
            new Closeness(Math.min(backend.tolerance(), FP8_TOLERANCE), noise.seed)
                    .check(matrix == biased ? "8 bits with bias" : "8 bits", expected, device.read(out), outputs);
            assertThat(device.read(in)).as("x stays").isEqualTo(x);
        }
    }

    /** A norm or SwiGLU rounds its output to 8 bits for the next layer; the output is rounded again if it was changed in between. */
    @ParameterizedTest
    @CsvSource({"1,7,64,false", "3,33,48,true", "1,3,4096,false", "1,130,1024,false", "2,600,64,false"})
    void layersInEightBitsTakeWhatWasWrittenLast(int tracks, int rows, int cols, boolean layer) {
        float[] weights = noise.normal(tracks * cols * cols, 0, 1 / Math.sqrt(cols));
        Matrix.Rows source = Tensors.rows(weights, cols, cols);
        Matrix matrix = device.matrix("square", tracks, cols, cols, source, Optional.empty(), WeightFormat.FP8);
        Norm norm = new Norm(
                device.constant("weight", tracks, 1, cols, noise.normal(tracks * cols, 1, 0.5)),
                layer
                        ? Optional.of(device.constant("bias", tracks, 1, cols, noise.normal(tracks * cols)))
                        : Optional.empty(),
                EPSILON);
        Tensor x = holding(noise.normal(tracks * rows * cols, 0, 2), tracks, rows, cols);
        Tensor y = holding(noise.normal(tracks * rows * cols), tracks, rows, cols);
        Tensor other = holding(noise.normal(tracks * rows * cols), tracks, rows, cols);
        Tensor gateUp = holding(noise.normal(tracks * rows * 2 * cols, 0, 2), tracks, rows, 2 * cols);
        Tensor mid = poisoned(tracks, rows, cols);
        List<Runnable> writers = List.of(
                () -> ops.norm(mid, x, norm),
                () -> ops.addNorm(mid, x, y, norm),
                () -> ops.siluMul(mid, gateUp),
                () -> {
                    ops.norm(mid, x, norm);
                    ops.add(mid, y);
                },
                () -> {
                    ops.siluMul(mid, gateUp);
                    ops.linear(mid, other, matrix);
                },
                () -> {
                    ops.norm(mid, x, norm);
                    ops.norm(other, y, norm);
                },
                () -> {
                    ops.norm(mid, x, norm);
                    device.write(mid, noise.normal(tracks * rows * cols));
                });
        for (int i = 0; i < writers.size(); i++) {
            Tensor out = poisoned(tracks, rows, cols);
            writers.get(i).run();
            ops.linear(out, mid, matrix);
            double[] expected = Formulas.linear(
                    quantized(device.read(mid), cols),
                    quantized(weights, cols),
                    new float[tracks * cols],
                    tracks,
                    rows,
                    cols,
                    cols);
            new Closeness(Math.min(backend.tolerance(), FP8_TOLERANCE), noise.seed)
                    .check("writer " + i, expected, device.read(out), cols);
        }
    }

    /** Returns every row rounded to e4m3, with a scale that makes its largest magnitude 448, computed in fp32 as on devices. */
    private static float[] quantized(float[] values, int cols) {
        float[] rounded = new float[values.length];
        for (int from = 0; from < values.length; from += cols) {
            float most = 0;
            for (int i = from; i < from + cols; i++) {
                most = Math.max(most, Math.abs(values[i]));
            }
            for (int i = from; i < from + cols; i++) {
                rounded[i] = most < 0x1p-119f ? 0 : E4m3.toFloat(E4m3.of(values[i] * (448 / most))) * (most / 448);
            }
        }
        return rounded;
    }

    @ParameterizedTest
    @CsvSource({"1,24,61", "7,64,1000", "33,128,45"})
    void logitsKeepTheirBits(int rows, int inputs, int vocabulary) {
        float[] x = noise.normal(rows * inputs);
        float[] weights = noise.normal(vocabulary * inputs);
        Tensor out = device.logits("logits", rows, vocabulary);
        float[] poison = new float[rows * vocabulary];
        Arrays.fill(poison, Float.NaN);
        device.write(out, poison);
        Matrix head = device.matrix("head", 1, vocabulary, inputs, Tensors.rows(weights, vocabulary, inputs));
        ops.linear(out, holding(x, 1, rows, inputs), head);
        double[] expected = Formulas.linear(x, weights, new float[vocabulary], 1, rows, inputs, vocabulary);
        new Closeness(1e-5, noise.seed).check("logits", expected, device.read(out), vocabulary);
    }

    @ParameterizedTest
    @CsvSource({"1,1,8", "1,7,45", "3,33,24", "2,130,4096"})
    void activationsFollowTheirEquations(int tracks, int rows, int cols) {
        float[] gateUp = noise.normal(tracks * rows * 2 * cols, 0, 2);
        Tensor gated = poisoned(tracks, rows, cols);
        ops.siluMul(gated, holding(gateUp, tracks, rows, 2 * cols));
        closeness.check("siluMul", Formulas.siluMul(Formulas.wide(gateUp), cols), device.read(gated), cols);
        Tensor geluGated = poisoned(tracks, rows, cols);
        ops.geluMul(geluGated, holding(gateUp, tracks, rows, 2 * cols));
        closeness.check("geluMul", Formulas.geluMul(gateUp, cols), device.read(geluGated), cols);

        float[] x = noise.normal(tracks * rows * cols, 0, 2);
        Tensor inOut = holding(x, tracks, rows, cols);
        ops.gelu(inOut);
        closeness.check("gelu", Formulas.gelu(x), device.read(inOut), cols);
        Tensor scaled = poisoned(tracks, rows, cols);
        ops.scale(scaled, holding(x, tracks, rows, cols), 0.75f);
        double[] expected = Arrays.stream(Formulas.wide(x)).map(v -> 0.75 * v).toArray();
        closeness.check("scale", expected, device.read(scaled), cols);
    }

    /**
     * GPUs have a fused kernel for up to 8 rows, Hopper also for 1,024 rows and more. Of the last three cases, one gives a block several tiles,
     * so that it reuses its stages, and two have wider tiles.
     */
    @ParameterizedTest
    @CsvSource({
        "1,7,64,45",
        "2,130,40,96",
        "1,1,4096,2200",
        "3,8,1448,45",
        "1,1024,64,128",
        "2,1100,200,344",
        "1,1300,72,45",
        "2,1100,328,1032",
        "1,1024,24,1792",
        "1,1024,24,2048"
    })
    void linearSiluMulIsBoth(int tracks, int rows, int inputs, int cols) {
        float[] x = noise.normal(tracks * rows * inputs);
        float[] weights = noise.normal(tracks * 2 * cols * inputs, 0, 2 / Math.sqrt(inputs));
        Matrix matrix = device.matrix("gate and up", tracks, 2 * cols, inputs, Tensors.rows(weights, 2 * cols, inputs));
        Tensor out = poisoned(tracks, rows, cols);
        ops.linearSiluMul(out, poisoned(tracks, rows, 2 * cols), holding(x, tracks, rows, inputs), matrix);
        double[] gateUp = Formulas.linear(x, weights, new float[tracks * 2 * cols], tracks, rows, inputs, 2 * cols);
        closeness.check("linearSiluMul", Formulas.siluMul(gateUp, cols), device.read(out), cols);
    }

    /** The rows are slow to read, so some are still missing when the matrix is created. */
    @ParameterizedTest
    @EnumSource(WeightFormat.class)
    void aLoadReturnsWhenAllWeightsAreThereAndItsStepsComputeNothing(WeightFormat format) {
        int inputs = 64;
        int outputs = 48;
        float[] x = noise.normal(7 * inputs);
        float[] weights = noise.normal(outputs * inputs);
        Tensor in = holding(x, 1, 7, inputs);
        Tensor untouched = poisoned(1, 7, outputs);
        Matrix.Rows slow = slow(Tensors.rows(weights, outputs, inputs));
        Matrix matrix = device.load(
                () -> device.matrix("late", 1, outputs, inputs, slow, Optional.empty(), format),
                early -> ops.linear(untouched, in, early));
        assertThat(device.read(untouched)).containsOnly(Float.NaN);
        Tensor out = poisoned(1, 7, outputs);
        ops.linear(out, in, matrix);
        Matrix atOnce = device.matrix(
                "at once", 1, outputs, inputs, Tensors.rows(weights, outputs, inputs), Optional.empty(), format);
        Tensor expected = poisoned(1, 7, outputs);
        ops.linear(expected, in, atOnce);
        assertThat(device.read(out)).isEqualTo(device.read(expected));
    }

    @Test
    void aLoadFailsAsItsRowsDoAndOthersSucceed() {
        Matrix.Rows bad = (track, output, target) -> {
            throw UserError.of("no such row", output, "a test has none");
        };
        assertThatThrownBy(() -> device.load(() -> device.matrix("bad", 1, 48, 64, bad), early -> {}))
                .isInstanceOf(UserError.class);
        assertThatThrownBy(() -> device.load(
                        () -> {
                            device.matrix("slow", 1, 48, 64, slow(Tensors.rows(new float[48 * 64], 48, 64)));
                            throw new IllegalStateException("no such tensor");
                        },
                        early -> {}))
                .hasMessage("no such tensor");
        aLoadReturnsWhenAllWeightsAreThereAndItsStepsComputeNothing(WeightFormat.PLAIN);
    }

    private static Matrix.Rows slow(Matrix.Rows rows) {
        return (track, output, target) -> {
            LockSupport.parkNanos(1_000_000);
            rows.read(track, output, target);
        };
    }

    @ParameterizedTest
    @CsvSource({"1,24", "33,45", "130,64"})
    void gatherOutputRowsPicksThem(int rows, int cols) {
        float[] x = noise.normal(rows * cols);
        int[] picked = IntStream.range(0, rows).filter(row -> row % 3 == 0).toArray();
        List<SampleRequest> samples =
                Arrays.stream(picked).mapToObj(row -> SampleRequest.likeliest()).toList();
        Tensor out = poisoned(1, picked.length, cols);
        stepIo.begin(batch(new int[rows], picked, samples));
        ops.gatherOutputRows(out, holding(x, 1, rows, cols));
        float[] gathered = device.read(out);
        for (int i = 0; i < gathered.length; i++) {
            assertThat(gathered[i]).isEqualTo(x[picked[i / cols] * cols + i % cols]);
        }
    }

    /** A buffer of many rows serves a smaller step: the rows after those of the step, here NaN, do not matter. */
    @ParameterizedTest
    @CsvSource({"1,1", "3,16", "2,33"})
    void viewsServeSmallerSteps(int tracks, int rows) {
        int cols = 40;
        float[] weights = noise.normal(tracks * cols * cols, 0, 1 / Math.sqrt(cols));
        Tensor x = poisoned(tracks, 130, cols);
        Tensor out = poisoned(tracks, 130, cols);
        float[] values = noise.normal(tracks * rows * cols);
        device.write(x.firstRows(rows), values);
        Matrix matrix = device.matrix("square", tracks, cols, cols, Tensors.rows(weights, cols, cols));
        ops.linear(out.firstRows(rows), x.firstRows(rows), matrix);
        ops.add(out.firstRows(rows), x.firstRows(rows));
        double[] product = Formulas.linear(values, weights, new float[tracks * cols], tracks, rows, cols, cols);
        for (int i = 0; i < product.length; i++) {
            product[i] += values[i];
        }
        closeness.check("views", product, device.read(out.firstRows(rows)), cols);
        for (int track = 0; track < tracks; track++) {
            float[] alone = device.read(out.firstRows(rows).track(track));
            assertThat(alone)
                    .isEqualTo(Arrays.copyOfRange(
                            device.read(out.firstRows(rows)), track * rows * cols, (track + 1) * rows * cols));
        }
    }
}
