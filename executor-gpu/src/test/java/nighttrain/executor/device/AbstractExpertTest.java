package nighttrain.executor.device;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import nighttrain.executor.device.ExpertOps.Choice;
import nighttrain.executor.device.ExpertOps.Load;
import nighttrain.executor.device.ExpertOps.Routing;
import nighttrain.executor.reference.ExpertReference;
import nighttrain.executor.reference.ExpertReference.Weighted;
import nighttrain.executor.step.SampleRequest;
import nighttrain.io.checkpoint.E4m3;
import nighttrain.io.spec.MixtureOfExperts.Activation;
import nighttrain.io.spec.MixtureOfExperts.Router;
import nighttrain.io.spec.MixtureOfExperts.Router.Groups;
import nighttrain.io.spec.MixtureOfExperts.Router.Score;
import nighttrain.io.spec.Mlp;
import nighttrain.io.spec.Parameter.Linear;
import nighttrain.io.spec.Parameter.Vector;
import nighttrain.io.spec.TensorSpec;
import nighttrain.io.spec.WeightFormat;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/** Compares mixtures of experts with float64: every router and activation, odd sizes, poisoned buffers, uneven choices. */
public abstract class AbstractExpertTest extends OneDevice {
    /** A different rounding before 8 bits sometimes moves a value across the midpoint of two 8-bit numbers. */
    private static final double EIGHT_BITS_TOLERANCE = 2e-2;

    private static final Activation SWIGLU = new Activation.Plain(Mlp.Activation.SILU);

    protected AbstractExpertTest(TestBackend backend) {
        super(backend);
    }

    private ExpertOps experts() {
        return device.expertOps().orElseThrow();
    }

    /** Returns a router by name: those of the families in MODELS, and routers with one trait each. */
    private static Router router(String kind, int experts, int chosen) {
        Linear logits = Linear.of("router", experts, 1, false);
        Router softmax = Router.softmax(logits, chosen, true);
        Router sigmoid = with(softmax, Score.SIGMOID, true, true, Optional.empty(), 2.5, false);
        return switch (kind) {
            case "softmax" -> Router.softmax(logits, chosen, false);
            case "softmax, renormalised" -> softmax;
            case "softmax, capped" -> softmax.cappedTo(1.5);
            case "softmax of the chosen" -> Router.softmaxOfChosen(logits, chosen);
            case "sigmoid, corrected" -> sigmoid;
            case "sigmoid, corrected, in groups" ->
                with(sigmoid, Score.SIGMOID, true, true, Optional.of(new Groups(4, 2)), 2.5, false);
            case "softmax, in groups" ->
                with(softmax, Score.SOFTMAX, false, true, Optional.of(new Groups(2, 1)), 1.5, false);
            case "softmax, experts scaled" -> with(softmax, Score.SOFTMAX, false, true, Optional.empty(), 1, true);
            default -> throw new IllegalArgumentException(kind);
        };
    }

    private static Router with(
            Router of,
            Score score,
            boolean corrected,
            boolean renormalized,
            Optional<Groups> groups,
            double scaling,
            boolean scaled) {
        Vector vector = new Vector("one an expert", of.logits().outputs(), TensorSpec.Fill.ZERO);
        return new Router(
                Optional.empty(),
                of.logits(),
                0,
                score,
                corrected ? Optional.of(vector) : Optional.empty(),
                groups,
                of.chosen(),
                renormalized,
                scaling,
                scaled ? Optional.of(vector) : Optional.empty());
    }

    static Stream<Arguments> cases() {
        // router, ranks, tracks, tokens, experts, chosen, hidden, width, bias
        return Stream.of(
                Arguments.of("softmax", 1, 1, 1, 8, 2, 24, 10, false),
                Arguments.of("softmax", 2, 1, 33, 128, 8, 45, 24, false),
                Arguments.of("softmax, renormalised", 4, 1, 130, 8, 2, 64, 33, false),
                Arguments.of("softmax, renormalised", 1, 1, 500, 4, 4, 16, 61, true),
                Arguments.of("softmax, renormalised", 1, 3, 7, 5, 1, 24, 24, false),
                Arguments.of("softmax, capped", 1, 2, 65, 40, 2, 32, 17, false),
                Arguments.of("softmax of the chosen", 2, 1, 130, 32, 4, 45, 45, true),
                Arguments.of("softmax of the chosen", 1, 1, 1, 32, 4, 64, 90, true),
                Arguments.of("sigmoid, corrected", 1, 1, 33, 16, 6, 24, 24, false),
                Arguments.of("sigmoid, corrected, in groups", 4, 1, 130, 32, 6, 24, 24, false),
                Arguments.of("softmax, in groups", 1, 2, 7, 16, 3, 24, 24, false),
                Arguments.of("softmax, renormalised", 2, 2, 500, 8, 2, 136, 72, true),
                Arguments.of("softmax, experts scaled", 2, 1, 33, 128, 8, 24, 24, false));
    }

    @ParameterizedTest
    @MethodSource("cases")
    void ranksAddUpToEveryTokensExperts(
            String kind,
            int ranks,
            int tracks,
            int tokens,
            int count,
            int chosen,
            int hidden,
            int width,
            boolean bias) {
        Case it = new Case(router(kind, count, chosen), tracks, tokens, hidden, width, bias, SWIGLU, true);
        it.check(kind, ranks);
    }

    static Stream<Arguments> activations() {
        return Stream.of(
                Arguments.of(SWIGLU, true),
                Arguments.of(SWIGLU, false),
                Arguments.of(new Activation.Plain(Mlp.Activation.GELU_TANH), true),
                Arguments.of(new Activation.Plain(Mlp.Activation.GELU_TANH), false),
                Arguments.of(new Activation.Plain(Mlp.Activation.RELU_SQUARED), false),
                Arguments.of(new Activation.ClampedSwiGlu(1.702, 1.25), true));
    }

    @ParameterizedTest
    @MethodSource("activations")
    void activationsFollowTheirEquations(Activation activation, boolean gated) {
        new Case(router("softmax, renormalised", 8, 2), 2, 33, 24, 45, true, activation, gated)
                .check(activation.toString(), 2);
    }

    /** Weights and their inputs are rounded to 8 bits row by row; float64 takes the rounded values. */
    @ParameterizedTest
    @CsvSource({"1, 3, true", "2, 130, true", "1, 500, false"})
    void expertsInEightBits(int tracks, int tokens, boolean bias) {
        Activation activation = bias ? new Activation.ClampedSwiGlu(1.702, 1.25) : SWIGLU;
        Case it = new Case(router("softmax, renormalised", 8, 2), tracks, tokens, 48, 32, bias, activation, true);
        it.format = WeightFormat.FP8;
        it.check("in 8 bits", 2);
    }

    /** Among equal logits all tokens choose the experts with the lowest numbers; the other experts get no tokens. */
    @ParameterizedTest
    @CsvSource({"softmax, 1", "softmax, 130", "softmax of the chosen, 33", "'sigmoid, corrected', 7"})
    void equalLogitsChooseTheFirstExperts(String kind, int tokens) {
        Case it = new Case(router(kind, 12, 3), 2, tokens, 24, 24, false, SWIGLU, true);
        Arrays.fill(it.logits, 0.25f);
        it.correction.ifPresent(values -> Arrays.fill(values, -0.5f));
        assertThat(it.chosen(0, 0)).extracting(Weighted::expert).containsExactly(0, 1, 2);
        Load before = loadAfter(() -> {});
        assertThat(loadAfter(() -> it.run(4, 4)))
                .as("all ranks' experts count, of which a quarter has everything")
                .isEqualTo(new Load(before.tokens() + 2L * 3 * tokens, before.busiest() + 2L * 12 * tokens));
        it.check(kind, 3);
    }

    /** Returns the load at the end of a step that does this work. */
    private Load loadAfter(Runnable work) {
        stepIo.begin(batch(new int[1], new int[1], List.of(SampleRequest.likeliest())));
        work.run();
        stepIo.end().await();
        return experts().load();
    }

    /** The largest and smallest floats, and infinities where only the order matters, give finite weights. */
    @ParameterizedTest
    @CsvSource({
        "softmax",
        "'softmax, renormalised'",
        "'softmax, capped'",
        "softmax of the chosen",
        "'sigmoid, corrected'",
        "'sigmoid, corrected, in groups'"
    })
    void extremesStayFinite(String kind) {
        Case it = new Case(router(kind, 8, 2), 1, 6, 24, 24, false, SWIGLU, true);
        float[] extremes = {Float.MAX_VALUE, -Float.MAX_VALUE, 0, Float.MIN_VALUE, 1e30f, -1e30f, 90, -110};
        for (int token = 0; token < 6; token++) {
            for (int e = 0; e < 8; e++) {
                it.logits[token * 8 + e] = switch (token) {
                    case 0 -> extremes[e];
                    case 1 -> extremes[7 - e];
                    case 2 -> -1e30f;
                    case 3 -> e == 5 ? 1e30f : -1e30f;
                    case 4 -> e == 3 ? 0 : Float.NEGATIVE_INFINITY;
                    default -> -200 - e;
                };
            }
        }
        it.check(kind, 2);
    }

    /** A token with NaN or infinite logits does not change the outputs of other tokens; its own output is not checked. */
    @Test
    void aTokenOfNoNumbersSpoilsNoOther() {
        for (String kind : List.of("softmax", "softmax of the chosen", "sigmoid, corrected, in groups")) {
            Case it = new Case(router(kind, 8, 2), 1, 33, 24, 24, false, SWIGLU, true);
            float[] before = it.run(0, 8);
            Arrays.fill(it.logits, 5 * 8, 6 * 8, Float.NaN);
            it.logits[9 * 8 + 2] = Float.POSITIVE_INFINITY;
            float[] after = it.run(0, 8);
            for (int token = 0; token < 33; token++) {
                if (token != 5 && token != 9) {
                    assertThat(Arrays.copyOfRange(after, token * 24, token * 24 + 24))
                            .isEqualTo(Arrays.copyOfRange(before, token * 24, token * 24 + 24));
                }
            }
        }
    }

    /** Results agree to the bit whether a token is alone or gathered with others that chose the same experts. */
    @ParameterizedTest
    @CsvSource({"45, 33", "136, 72"})
    void aTokensResultDoesNotDependOnTheOthers(int hidden, int width) {
        Case it = new Case(router("softmax, renormalised", 8, 2), 1, 230, hidden, width, true, SWIGLU, true);
        float[] all = it.run(0, 8);
        for (int token : new int[] {0, 7, 100, 229}) {
            assertThat(it.only(token).run(0, 8))
                    .as("token %d (seed %d)", token, noise.seed)
                    .isEqualTo(Arrays.copyOfRange(all, token * hidden, token * hidden + hidden));
        }
    }

    @ParameterizedTest
    @CsvSource({"1,1,8", "2,33,45"})
    void gateMultipliesByItsSigmoid(int tracks, int rows, int cols) {
        float[] x = noise.normal(tracks * rows * cols);
        float[] gate = noise.normal(tracks * rows, 0, 4);
        Tensor inOut = holding(x, tracks, rows, cols);
        experts().gate(inOut, holding(gate, tracks, rows, 1));
        double[] expected = new double[x.length];
        for (int i = 0; i < x.length; i++) {
            expected[i] = x[i] / (1 + Math.exp(-gate[i / cols]));
        }
        closeness.check("gate", expected, device.read(inOut), cols);
    }

    /** One mixture: its values, a rank's computation of it, and the computation in float64. */
    private final class Case {
        private final Router router;
        private final int tracks;
        private final int tokens;
        private final int hidden;
        private final int width;
        private final int upRows;
        private final boolean bias;
        private final Activation activation;
        private final int count;
        private final float[] x;
        private final float[] logits;
        private final Optional<float[]> correction;
        private final Optional<float[]> scales;
        private float[] up;
        private float[] upBias;
        private float[] down;
        private float[] downBias;

        private WeightFormat format = WeightFormat.PLAIN;

        /** The output of {@link #run} after it was added to itself. */
        private float[] added;

        Case(
                Router router,
                int tracks,
                int tokens,
                int hidden,
                int width,
                boolean bias,
                Activation activation,
                boolean gated) {
            this.router = router;
            this.tracks = tracks;
            this.tokens = tokens;
            this.hidden = hidden;
            this.width = width;
            this.upRows = gated ? 2 * width : width;
            this.bias = bias;
            this.activation = activation;
            this.count = router.logits().outputs();
            this.x = noise.normal(tracks * tokens * hidden);
            this.logits = noise.logits(tracks * tokens * count);
            this.correction = router.correction().map(any -> noise.normal(tracks * count, 0, 0.3));
            this.scales = router.expertScales().map(any -> noise.normal(tracks * count, 1, 0.3));
            this.up = noise.normal(tracks * count * upRows * hidden, 0, 1 / Math.sqrt(hidden));
            this.upBias = bias ? noise.normal(tracks * count * upRows) : new float[tracks * count * upRows];
            this.down = noise.normal(tracks * count * hidden * width, 0, 1 / Math.sqrt(width));
            this.downBias = bias ? noise.normal(tracks * count * hidden) : new float[tracks * count * hidden];
        }

        /** Returns the case with only one token of the first track. */
        Case only(int token) {
            Case one = new Case(router, 1, 1, hidden, width, bias, activation, upRows > width);
            System.arraycopy(x, token * hidden, one.x, 0, hidden);
            System.arraycopy(logits, token * count, one.logits, 0, count);
            one.up = up;
            one.upBias = upBias;
            one.down = down;
            one.downBias = downBias;
            return one;
        }

        /** Returns the output of a rank that has {@code here} experts from {@code first} on. */
        float[] run(int first, int here) {
            ExpertOps experts = experts();
            Tensor logitsOf = device.logits("router logits", tracks, tokens, count);
            device.write(logitsOf, logits);
            Choice choice = new Choice(
                    router,
                    correction.map(values -> device.constant("correction", tracks, 1, count, values)),
                    scales.map(values -> device.constant("scales", tracks, 1, count, values)),
                    first,
                    here);
            Routing routing = experts.route(logitsOf, choice);
            int rows = tokens * router.chosen();
            Tensor gathered = poisoned(tracks, rows, hidden);
            Tensor upOf = poisoned(tracks, rows, upRows);
            Tensor activated = poisoned(tracks, rows, width);
            experts.gatherLinearActivate(
                    activated,
                    gathered,
                    upOf,
                    holding(x, tracks, tokens, hidden),
                    matrix(up, upBias, upRows, hidden, first, here),
                    activation,
                    routing);
            experts.linear(gathered, activated, matrix(down, downBias, hidden, width, first, here), routing);
            Tensor out = poisoned(tracks, tokens, hidden);
            experts.combine(out, gathered, routing, false);
            float[] combined = device.read(out);
            experts.combine(out, gathered, routing, true);
            added = device.read(out);
            return combined;
        }

        private Matrix matrix(float[] weights, float[] biases, int outputs, int inputs, int first, int here) {
            float[] local = new float[tracks * here * outputs];
            for (int slab = 0; slab < tracks * here; slab++) {
                System.arraycopy(biases, global(slab, first, here) * outputs, local, slab * outputs, outputs);
            }
            Matrix.Rows rows = (slab, output, target) -> System.arraycopy(
                    weights, (global(slab, first, here) * outputs + output) * inputs, target, 0, inputs);
            return device.experts(
                    "experts",
                    tracks * here,
                    outputs,
                    inputs,
                    rows,
                    Optional.of(local).filter(any -> bias),
                    format);
        }

        private int global(int slab, int first, int here) {
            return slab / here * count + first + slab % here;
        }

        List<Weighted> chosen(int track, int token) {
            int at = (track * tokens + token) * count;
            return ExpertReference.choose(
                    router,
                    Formulas.wide(Arrays.copyOfRange(logits, at, at + count)),
                    correction.map(values -> Arrays.copyOfRange(values, track * count, (track + 1) * count)),
                    scales.map(values -> Arrays.copyOfRange(values, track * count, (track + 1) * count)));
        }

        private double[] expected() {
            double[] out = new double[x.length];
            float[] upRounded = rounded(up, hidden);
            float[] downRounded = rounded(down, width);
            for (int i = 0; i < tracks * tokens; i++) {
                double[] token = Formulas.wide(rounded(Arrays.copyOfRange(x, i * hidden, (i + 1) * hidden), hidden));
                for (Weighted one : chosen(i / tokens, i % tokens)) {
                    int slab = i / tokens * count + one.expert();
                    double[] upOf = ExpertReference.linear(token, upRounded, upBias, slab * upRows, upRows);
                    double[] activated = ExpertReference.activated(activation, upOf, upRows > width);
                    double[] downOf =
                            ExpertReference.linear(rounded(activated), downRounded, downBias, slab * hidden, hidden);
                    for (int c = 0; c < hidden; c++) {
                        out[i * hidden + c] += one.weight() * downOf[c];
                    }
                }
            }
            return out;
        }

        private double[] rounded(double[] row) {
            float[] narrow = new float[row.length];
            IntStream.range(0, row.length).forEach(i -> narrow[i] = (float) row[i]);
            return format == WeightFormat.FP8 ? Formulas.wide(rounded(narrow, row.length)) : row;
        }

        /** Returns rows rounded to 8 bits where the format asks for it, else unchanged. */
        private float[] rounded(float[] rows, int cols) {
            if (format == WeightFormat.PLAIN) {
                return rows;
            }
            float[] values = new float[rows.length];
            for (int from = 0; from < rows.length; from += cols) {
                ByteBuffer codes = ByteBuffer.allocate(cols);
                float scale = E4m3.quantize(Arrays.copyOfRange(rows, from, from + cols), codes);
                for (int c = 0; c < cols; c++) {
                    values[from + c] = E4m3.toFloat(codes.get(c)) * scale;
                }
            }
            return values;
        }

        void check(String what, int ranks) {
            float[] sum = new float[x.length];
            for (int rank = 0; rank < ranks; rank++) {
                float[] part = run(rank * count / ranks, count / ranks);
                IntStream.range(0, sum.length).forEach(i -> sum[i] += part[i]);
                double[] doubled =
                        Arrays.stream(Formulas.wide(part)).map(v -> 2 * v).toArray();
                new Closeness(1e-4, noise.seed).check(what + ", added", doubled, added, x.length);
            }
            Closeness within = format == WeightFormat.FP8 ? new Closeness(EIGHT_BITS_TOLERANCE, noise.seed) : closeness;
            within.check(what, expected(), sum, hidden);
        }
    }
}
