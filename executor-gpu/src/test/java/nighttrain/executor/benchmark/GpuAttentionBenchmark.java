package nighttrain.executor.benchmark;

import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Random;
import java.util.stream.IntStream;
import nighttrain.executor.cache.CacheLayout;
import nighttrain.executor.device.Device;
import nighttrain.executor.device.Device.PeakRates;
import nighttrain.executor.device.Ops.AttentionShape;
import nighttrain.executor.device.Ops.KvPages;
import nighttrain.executor.device.Ops.Rotation;
import nighttrain.executor.device.Tensor;
import nighttrain.executor.device.cuda.CudaDevices;
import nighttrain.executor.step.Batch;
import nighttrain.executor.step.StepLimits;
import nighttrain.io.spec.KvFormat;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Measures attention alone on one GPU with random keys and values, in bf16 and in 8 bits in turn. Decode of {@code -Dbench.batch=256} sequences is
 * compared with the copy rate, prefill with the matrix rate. {@code -Dbench.heads=32x8x128} sets query heads, key heads and their width;
 * {@code -Dbench.contexts=1024,2048}.
 */
@Tag("gpu")
@Tag("benchmark")
@Timeout(300)
class GpuAttentionBenchmark {
    private static final int PAGE_TOKENS = Steps.PAGE_TOKENS;
    private static final int MOST_TOKENS = 8192;
    private static final int CALLS = 20;
    private static final int ROUNDS = 3;

    private final int batch = Integer.getInteger("bench.batch", 256);
    private final int[] heads = Arrays.stream(
                    System.getProperty("bench.heads", "32x8x128").split("x", -1))
            .mapToInt(Integer::parseInt)
            .toArray();
    private final int[] contexts = Arrays.stream(
                    System.getProperty("bench.contexts", "1024,2048").split(",", -1))
            .mapToInt(Integer::parseInt)
            .toArray();
    private final AttentionShape shape = new AttentionShape(heads[0], heads[1], heads[2], 0);
    /** Pages of all sequences, a whole number of prefill steps. */
    private final int pages = (batch * (Arrays.stream(contexts).max().orElse(0) + PAGE_TOKENS) / MOST_TOKENS + 1)
            * (MOST_TOKENS / PAGE_TOKENS);

    private final PeakRates peak = CudaDevices.peakRates(0);

    @Test
    void attention() {
        StepLimits limits = new StepLimits(Math.max(8, batch), MOST_TOKENS, 0, MOST_TOKENS);
        try (Device device = CudaDevices.ranks(List.of(0), limits, CacheLayout.ofPages(PAGE_TOKENS, pages))
                .get(0)) {
            for (KvFormat format : KvFormat.values()) {
                KvPages kv = filled(device, format);
                for (int context : contexts) {
                    decode(device, kv, format, context);
                }
                for (int sequences : new int[] {1, 8}) {
                    prefill(device, kv, format, sequences);
                }
            }
        }
    }

    private KvPages filled(Device device, KvFormat format) {
        KvPages kv =
                device.kvPages(format.name(), 0, 1, pages + 1, PAGE_TOKENS, shape.kvHeads(), shape.headDim(), format);
        Rotation none = new Rotation(
                device.constant("cos", 1, MOST_TOKENS, 0, new float[0]),
                device.constant("sin", 1, MOST_TOKENS, 0, new float[0]),
                Optional.empty());
        Tensor qkv = queries(device, MOST_TOKENS);
        for (int first = 0; first < pages; first += MOST_TOKENS / PAGE_TOKENS) {
            int[] table =
                    IntStream.range(first, first + MOST_TOKENS / PAGE_TOKENS).toArray();
            Batch one = Steps.prefill(1, MOST_TOKENS);
            device.stepIo()
                    .begin(new Batch(
                            one.tokens(),
                            one.positions(),
                            one.queryStarts(),
                            new int[][] {table},
                            new int[0],
                            List.of()));
            device.ops().ropeAndWriteKv(qkv, kv, shape, none, Optional.empty(), Optional.empty());
        }
        return kv;
    }

    private Tensor queries(Device device, int tokens) {
        float[] values = new float[tokens * shape.qkvCols()];
        Random random = new Random(1);
        for (int i = 0; i < values.length; i++) {
            values[i] = random.nextFloat() * 4 - 2;
        }
        Tensor qkv = device.tensor("queries, keys and values", 1, tokens, shape.qkvCols());
        device.write(qkv, values);
        return qkv;
    }

    private void decode(Device device, KvPages kv, KvFormat format, int context) {
        double seconds = seconds(device, kv, Steps.decode(batch, context));
        double bytes = 2.0 * batch * context * shape.kvHeads() * format.headBytes(shape.headDim(), 2);
        print("decode, batch " + batch + ", context " + context, format, seconds, bytes / peak.bytesPerSecond());
    }

    private void prefill(Device device, KvPages kv, KvFormat format, int sequences) {
        int length = MOST_TOKENS / sequences;
        double seconds = seconds(device, kv, Steps.prefill(sequences, length));
        double flops = 4.0 * sequences * length * (length + 1) / 2 * shape.queryCols();
        print("prefill, " + sequences + " of " + length, format, seconds, flops / peak.flopsPerSecond());
    }

    private static void print(String what, KvFormat format, double seconds, double bound) {
        System.out.printf(
                Locale.ROOT, "%s, %s: %.1f us, %.2f of its ceiling%n", what, format, seconds * 1e6, bound / seconds);
    }

    private double seconds(Device device, KvPages kv, Batch step) {
        Tensor qkv = queries(device, step.size());
        Tensor out = device.tensor("out", 1, step.size(), shape.queryCols());
        Tensor probe = device.tensor("probe", 1, 1, 8);
        double best = Double.POSITIVE_INFINITY;
        for (int round = 0; round <= ROUNDS; round++) {
            device.stepIo().begin(step);
            device.read(probe); // what attention reads is there, as after an embedding
            device.ops().attention(out, qkv, kv, shape);
            device.read(probe);
            long start = System.nanoTime();
            for (int call = 0; call < CALLS; call++) {
                device.ops().attention(out, qkv, kv, shape);
            }
            device.read(probe);
            best = Math.min(best, (System.nanoTime() - start) / 1e9 / CALLS);
        }
        return best;
    }
}
