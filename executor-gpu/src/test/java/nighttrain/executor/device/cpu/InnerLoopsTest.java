package nighttrain.executor.device.cpu;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Vectors and plain Java give the same bits on random shapes and write nothing outside their output. */
class InnerLoopsTest {
    private static final float UNTOUCHED = 7.25f;
    private static final InnerLoops VECTORS = new VectorLoops();
    private static final InnerLoops PLAIN = new PlainLoops();

    @Test
    void theseVirtualMachinesCompileVectorsOrRunPlainJava() {
        boolean c2 = !System.getProperty("java.vm.info").contains("interpreted mode")
                && !System.getProperty("java.vm.info").contains("emulated-client");
        assertThat(InnerLoops.CHOSEN).isInstanceOf(c2 ? VectorLoops.class : PlainLoops.class);
    }

    /** Each implementation packs weights in panels of its own width. */
    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3, 4, 5, 6, 7, 8})
    void products(long seed) {
        Random random = new Random(seed);
        for (int i = 0; i < 20; i++) {
            int rows = 1 + random.nextInt(20);
            int inputs = 1 + random.nextInt(70);
            int outputs = 1 + random.nextInt(70);
            float[] x = values(random, 3 + rows * (inputs + 2));
            float[] weights = values(random, inputs * outputs);
            Optional<float[]> bias = random.nextBoolean() ? Optional.of(values(random, outputs)) : Optional.empty();
            assertSame(
                    product(PLAIN, rows, inputs, outputs, x, weights, bias),
                    product(VECTORS, rows, inputs, outputs, x, weights, bias));
        }
    }

    private static float[] product(
            InnerLoops loops, int rows, int inputs, int outputs, float[] x, float[] weights, Optional<float[]> bias) {
        float[] out = untouched(5 + rows * (outputs + 3));
        int panel = loops.panel();
        for (int first = 0; first < outputs; first += panel) {
            float[] packed = new float[inputs * panel];
            float[] added = new float[panel];
            int kept = Math.min(panel, outputs - first);
            for (int c = 0; c < kept; c++) {
                for (int i = 0; i < inputs; i++) {
                    packed[i * panel + c] = weights[(first + c) * inputs + i];
                }
                added[c] = bias.isPresent() ? bias.get()[first + c] : 0;
            }
            loops.product(out, 5 + first, outputs + 3, kept, x, 3, inputs + 2, rows, packed, inputs, added, 0);
        }
        return out;
    }

    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3, 4, 5, 6, 7, 8})
    void rows(long seed) {
        Random random = new Random(seed);
        for (int i = 0; i < 40; i++) {
            int cols = 1 + random.nextInt(100);
            float[] x = values(random, 4 + 2 * cols + 4);
            float[] weight = values(random, 2 + cols);
            float factor = (float) random.nextGaussian();
            each(untouched(cols + 9), (loops, out) -> loops.scale(out, 6, x, 4, cols, factor, weight, 2));
            each(untouched(cols + 9), (loops, out) -> loops.siluMul(out, 6, x, 4, cols));
            each(x, (loops, out) -> loops.sigmoidMul(out, 4, x, 3 + cols, cols));
            each(x, (loops, out) -> loops.sigmoidMul(out, 4, out, 4, cols));
            each(x, (loops, out) -> loops.gelu(out, 4, cols));
            each(x, (loops, out) -> loops.softCap(out, 4, cols, 30));
            each(x, (loops, out) -> out[0] = loops.sumOfSquares(out, 4, cols));
            each(x, (loops, out) -> out[0] = loops.sum(out, 4, cols / 16 * 16));
        }
    }

    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3, 4, 5, 6, 7, 8})
    void attention(long seed) {
        Random random = new Random(seed);
        for (int i = 0; i < 20; i++) {
            int headDim = 1 + random.nextInt(70);
            int positions = 1 + random.nextInt(60);
            int padded = (positions + 15) / 16 * 16;
            float[] query = values(random, 3 + headDim);
            float[] keys = values(random, 8 + headDim * padded);
            float[] values = values(random, 8 + headDim * positions);
            float[] weights = values(random, 5 + padded);
            each(
                    untouched(padded + 9),
                    (loops, out) -> loops.dotKeys(out, 4, query, 3, keys, 8, padded, headDim, 0.3f));
            each(
                    values(random, headDim + 9),
                    (loops, out) -> loops.addValues(out, 4, weights, 5, positions, values, 8, headDim));
            float[] scores = values(random, padded + 1);
            Arrays.fill(scores, positions, padded, Float.NEGATIVE_INFINITY);
            each(scores, (loops, out) -> out[padded] = loops.exponentials(out, padded));
        }
    }

    private interface Loop {
        void run(InnerLoops loops, float[] out);
    }

    private static void each(float[] before, Loop loop) {
        float[] plain = before.clone();
        float[] vectors = before.clone();
        loop.run(PLAIN, plain);
        loop.run(VECTORS, vectors);
        assertSame(plain, vectors);
    }

    private static void assertSame(float[] plain, float[] vectors) {
        assertThat(bits(vectors)).isEqualTo(bits(plain));
    }

    private static int[] bits(float[] values) {
        int[] bits = new int[values.length];
        for (int i = 0; i < bits.length; i++) {
            bits[i] = Float.floatToIntBits(values[i]);
        }
        return bits;
    }

    private static float[] untouched(int length) {
        float[] values = new float[length];
        Arrays.fill(values, UNTOUCHED);
        return values;
    }

    /** Returns values of many magnitudes, with occasional edge cases. */
    private static float[] values(Random random, int length) {
        float[] edges = {0f, -0f, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY, Float.NaN, 1e-40f, 100f, -110f};
        boolean withEdges = random.nextInt(4) == 0;
        float[] values = new float[length];
        for (int i = 0; i < length; i++) {
            values[i] = withEdges && random.nextInt(10) == 0
                    ? edges[random.nextInt(edges.length)]
                    : (float) (random.nextGaussian() * Math.pow(10, random.nextInt(4) - 1));
        }
        return values;
    }
}
