package nighttrain.executor.device.cpu;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.stream.IntStream;
import nighttrain.executor.device.Ops.AttentionShape;
import nighttrain.executor.device.Ops.Norm;
import nighttrain.executor.request.SamplingParams;
import nighttrain.executor.request.SamplingParams.Filter;
import nighttrain.executor.request.SamplingParams.Penalties;
import nighttrain.executor.step.Batch;
import nighttrain.executor.step.SampleRequest;
import nighttrain.io.spec.KvFormat;

/** Prints the bits of small cases of every operation, a line each. It is a program, so that tests can run it in each bytecode mode. */
final class ModeBits {
    private static final int ROWS = 3;

    private ModeBits() {}

    /** Repeats the cases {@code args[0]} times: later rounds run code that earlier rounds made hot and the JVM compiled. */
    public static void main(String[] args) {
        int rounds = Integer.parseInt(args[0]);
        List<String> first = List.of();
        for (int round = 0; round < rounds; round++) {
            List<String> bits = bits();
            if (round > 0 && !bits.equals(first)) {
                System.out.println("round " + round + " differs from the first: " + bits + " instead of " + first);
                return;
            }
            first = bits;
        }
        first.forEach(System.out::println);
    }

    static List<String> bits() {
        Random random = new Random(5);
        List<String> lines = new ArrayList<>();
        try (ThreadTeam team = new ThreadTeam("bits", 1)) {
            CpuStep step = new CpuStep(team);
            CpuOps ops = new CpuOps(team, step);
            for (int cols : new int[] {5, 16, 61}) {
                CpuTensor out = CpuTensor.zeros(1, ROWS, cols);
                ops.siluMul(out, normal(random, 1, ROWS, 2 * cols, 4));
                lines.add("siluMul " + cols + " " + hash(out.data()));
                CpuTensor x = normal(random, 1, ROWS, cols, 3);
                ops.gelu(x);
                lines.add("gelu " + cols + " " + hash(x.data()));
                Norm rms = new Norm(normal(random, 1, 1, cols, 1), Optional.empty(), 1e-5f);
                ops.norm(out, normal(random, 1, ROWS, cols, 2), rms);
                lines.add("rms norm " + cols + " " + hash(out.data()));
                Norm layer = new Norm(rms.weight(), Optional.of(normal(random, 1, 1, cols, 1)), 1e-5f);
                ops.norm(out, normal(random, 1, ROWS, cols, 2), layer);
                lines.add("layer norm " + cols + " " + hash(out.data()));
                CpuTensor in = normal(random, 1, ROWS, 24, 1);
                float[] weights = normal(random, 1, cols, 24, 1).data();
                CpuMatrix matrix = CpuMatrix.of(
                        1,
                        cols,
                        24,
                        (track, output, target) -> System.arraycopy(weights, output * 24, target, 0, 24),
                        Optional.empty());
                ops.linear(out, in, matrix);
                lines.add("linear " + cols + " " + hash(out.data()));
            }
            for (int window : new int[] {0, 7}) {
                for (int pageTokens : new int[] {5, 16}) {
                    lines.add("attention " + window + " " + pageTokens + " "
                            + hash(attention(step, ops, random, window, pageTokens)));
                }
            }
        }
        exponentials(random, lines);
        samples(random, lines);
        return lines;
    }

    private static float[] attention(CpuStep step, CpuOps ops, Random random, int window, int pageTokens) {
        int tokens = 21;
        AttentionShape shape = new AttentionShape(2, 1, 12, window);
        CpuKvPages pages = new CpuKvPages(0, 1, 5, pageTokens, 1, 12, KvFormat.PLAIN);
        CpuTensor qkv = normal(random, 1, tokens, shape.qkvCols(), 2);
        int[] table = {3, 1, 4, 0, 2};
        for (int i = 0; i < tokens; i++) {
            int at = qkv.row(0, i) + shape.queryCols();
            pages.store(0, table[i / pageTokens], i % pageTokens, qkv.data(), at, at + shape.kvCols());
        }
        step.begin(new Batch(
                new int[tokens],
                IntStream.range(0, tokens).toArray(),
                new int[] {0, tokens},
                new int[][] {table},
                new int[0],
                List.of()));
        CpuTensor out = CpuTensor.zeros(1, tokens, shape.queryCols());
        ops.attention(out, qkv, pages, shape);
        return out.data();
    }

    private static void exponentials(Random random, List<String> lines) {
        float[] x = new float[256];
        float[] out = new float[256];
        for (int i = 0; i < x.length; i++) {
            x[i] = random.nextFloat() * 194 - 105;
        }
        for (int i = 0; i < x.length; i++) {
            out[i] = Exponential.of(x[i]);
        }
        lines.add("exponential " + hash(out));
        lines.add("sum "
                + hash(new float[] {InnerLoops.CHOSEN.sum(out, 0, 256), InnerLoops.CHOSEN.sumOfSquares(x, 3, 250)}));
    }

    private static void samples(Random random, List<String> lines) {
        for (int i = 0; i < 12; i++) {
            SamplingParams sampling = SamplingParams.greedy(1)
                    .withTemperature(i % 4 * 0.6)
                    .with(new Filter(i % 3 == 1 ? 20 : 0, i % 3 == 2 ? 0.9 : 1, i % 5 == 1 ? 0.05 : 0))
                    .with(new Penalties(i % 2 == 0 ? 1 : 1.3, 0.1, 0.2))
                    .withLogprobs(3);
            int[] history = random.ints(10, 0, 100).toArray();
            float[] logits = normal(random, 1, 1, 100, 3).data();
            lines.add("sample " + i + " "
                    + CpuSampler.sample(
                            new SampleRequest(sampling, i, history, 4, 10, SampleRequest.NONE),
                            logits,
                            0,
                            logits.length));
        }
    }

    private static CpuTensor normal(Random random, int tracks, int rows, int cols, double spread) {
        float[] values = new float[tracks * rows * cols];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) (random.nextGaussian() * spread);
        }
        return CpuTensor.of(values, tracks, rows, cols);
    }

    private static String hash(float[] values) {
        int[] bits = new int[values.length];
        for (int i = 0; i < bits.length; i++) {
            bits[i] = Float.floatToRawIntBits(values[i]);
        }
        return Integer.toHexString(Arrays.hashCode(bits));
    }
}
