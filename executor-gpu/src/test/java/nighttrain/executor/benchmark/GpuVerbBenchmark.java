package nighttrain.executor.benchmark;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.stream.Stream;
import nighttrain.executor.cache.CacheLayout;
import nighttrain.executor.cache.CacheSpec;
import nighttrain.executor.device.Device;
import nighttrain.executor.device.Device.GraphRecorder.CapturedGraph;
import nighttrain.executor.device.Device.PeakRates;
import nighttrain.executor.device.ExpertOps;
import nighttrain.executor.device.Matrix;
import nighttrain.executor.device.Ops;
import nighttrain.executor.device.RecurrentOps;
import nighttrain.executor.device.Sampler;
import nighttrain.executor.device.Tensor;
import nighttrain.executor.device.cuda.CudaDevices;
import nighttrain.executor.device.cuda.CudaOptions;
import nighttrain.executor.model.Decoder;
import nighttrain.executor.perf.Roofline;
import nighttrain.executor.step.Batch;
import nighttrain.executor.step.StepLimits;
import nighttrain.io.checkpoint.Checkpoint;
import nighttrain.io.spec.KvFormat;
import nighttrain.io.spec.ModelSpec;
import nighttrain.io.spec.StateFormat;
import nighttrain.io.spec.WeightFormat;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Measures where the time of a step goes on one GPU: every operation of a prefill step and of a decode step, waiting for each, next to the
 * whole step without waiting and its captured graph. {@code -Dbench.shape=dense-8b -Dbench.context=2048 -Dbench.batch=256
 * -Dbench.quantization=none -Dbench.kv=bf16 -Dbench.states=fp32}; with {@code -Dbench.deterministic=true} recurrent layers, too, run token by token.
 */
@Tag("gpu")
@Tag("benchmark")
@Timeout(600)
class GpuVerbBenchmark {
    private static final int PAGE_TOKENS = Steps.PAGE_TOKENS;
    private static final int PREFILL_TOKENS = 8192;
    private static final int PREFILLED = 8; // number of sequences in the second prefill step
    private static final int ROUNDS = 5;

    private final int context = Integer.getInteger("bench.context", 2048);
    private final int batch = Integer.getInteger("bench.batch", 256);
    private final WeightFormat.Choice weights = WeightFormat.Choice.valueOf(
            System.getProperty("bench.quantization", "none").toUpperCase(Locale.ROOT));
    private final KvFormat.Choice kv =
            KvFormat.Choice.valueOf(System.getProperty("bench.kv", "bf16").toUpperCase(Locale.ROOT));
    private final StateFormat states =
            StateFormat.valueOf(System.getProperty("bench.states", "fp32").toUpperCase(Locale.ROOT));
    private final CudaOptions options = new CudaOptions(false, Boolean.getBoolean("bench.deterministic"));
    private final Map<String, long[]> nanosByVerb = new TreeMap<>();

    @Test
    void stepByVerb() {
        int sequences = Math.max(PREFILLED, batch);
        int pages = Math.max(PREFILL_TOKENS, (context + 64) * batch) / PAGE_TOKENS;
        StepLimits limits = new StepLimits(sequences, PREFILL_TOKENS, 0, Math.max(PREFILL_TOKENS, context + 64));
        Checkpoint dummy = Steps.weights(System.getProperty("bench.shape", "dense-8b"));
        ModelSpec spec = dummy.spec().with(weights).with(kv).with(states);
        CacheLayout layout =
                CacheLayout.of(CacheSpec.of(spec, 1, Short.BYTES, limits.maxModelLen()), PAGE_TOKENS, pages, sequences);
        PeakRates peakRates = CudaDevices.peakRates(0);
        long start = System.nanoTime();
        try (Checkpoint checkpoint = dummy.with(spec);
                Device device =
                        CudaDevices.ranks(List.of(0), limits, layout, options).get(0)) {
            Decoder decoder = Decoder.load(checkpoint, timed(device), limits, layout);
            System.out.printf("loaded in %.1f s%n", (System.nanoTime() - start) / 1e9);
            int groups = layout.groups().size();
            measure("prefill, one sequence of 8192", device, decoder, Steps.prefill(groups, 1, PREFILL_TOKENS));
            Times prefilled = measure(
                    "prefill, 8 sequences of 1024",
                    device,
                    decoder,
                    Steps.prefill(groups, PREFILLED, PREFILL_TOKENS / PREFILLED));
            String decode = "decode, batch " + batch + ", context " + context;
            Times decoded = measure(decode, device, decoder, Steps.decode(groups, batch, context));
            Roofline roofline = new Roofline(checkpoint.spec(), 1, peakRates);
            device.expertOps()
                    .map(ExpertOps::load)
                    .filter(load -> load.tokens() > 0)
                    .ifPresent(load -> System.out.printf(
                            "tokens of the busiest expert over the average: %.2f%n",
                            load.busiest() / (double) load.tokens()));
            double bound = 1e3 * roofline.seconds(Roofline.Step.decode(batch, context));
            Roofline bySecond = new Roofline(checkpoint.spec(), 1, new PeakRates(Double.POSITIVE_INFINITY, 1));
            double flops = bySecond.seconds(Roofline.Step.prefill(PREFILL_TOKENS, PREFILL_TOKENS / PREFILLED));
            System.out.printf(
                    "prefill, 8 sequences of 1024: %.0f TFLOP/s, %.2f of a product's%n",
                    flops / prefilled.enqueued / 1e9, flops / prefilled.enqueued * 1e3 / peakRates.flopsPerSecond());
            System.out.printf(
                    "decode: %.2f ms of at least %.2f, %.2f of the roofline (copy %.2f TB/s, bf16 product %.0f TFLOP/s)%n",
                    decoded.recorded,
                    bound,
                    bound / decoded.recorded,
                    peakRates.bytesPerSecond() / 1e12,
                    peakRates.flopsPerSecond() / 1e12);
        }
    }

    /** Milliseconds of a step whose operations are enqueued, as the engine does for prompts, and of its captured graph, as for decoding. */
    private record Times(double enqueued, double recorded) {}

    private Times measure(String name, Device device, Decoder decoder, Batch step) {
        int outputs = step.outputRows().length;
        double whole = Double.POSITIVE_INFINITY;
        waiting = false;
        for (int round = 0; round < ROUNDS; round++) {
            decoder.begin(step);
            device.stepIo().end().await();
            long start = System.nanoTime();
            decoder.enqueue(step.size(), outputs);
            device.stepIo().end().await();
            whole = Math.min(whole, (System.nanoTime() - start) / 1e6);
        }
        double recorded = Double.POSITIVE_INFINITY;
        double begin = Double.POSITIVE_INFINITY;
        CapturedGraph graph = device.recorder().orElseThrow().record(() -> decoder.enqueue(step.size(), outputs));
        Batch next = step.isDecode() ? Steps.after(step) : step; // as when the engine plans ahead
        for (int round = 0; round < 4 * ROUNDS; round++) {
            long start = System.nanoTime();
            decoder.begin(next);
            begin = Math.min(begin, (System.nanoTime() - start) / 1e6);
            device.stepIo().end().await();
            start = System.nanoTime();
            graph.replay();
            device.stepIo().end().await();
            recorded = Math.min(recorded, (System.nanoTime() - start) / 1e6);
        }
        nanosByVerb.clear();
        waiting = true;
        for (int round = 0; round < ROUNDS; round++) {
            decoder.enqueue(step.size(), outputs);
        }
        System.out.printf("%s: enqueued %.2f ms, recorded %.2f ms, begin %.3f ms%n", name, whole, recorded, begin);
        nanosByVerb.forEach((verb, sumAndCount) -> System.out.printf(
                "  %-34s %4d x %8.1f us = %8.2f ms%n",
                verb, sumAndCount[1] / ROUNDS, sumAndCount[0] / 1e3 / sumAndCount[1], sumAndCount[0] / 1e6 / ROUNDS));
        return new Times(whole, recorded);
    }

    private boolean waiting;

    private Device timed(Device device) {
        Tensor probe = device.tensor("probe", 1, 1, 8);
        Ops ops = timed(Ops.class, device.ops(), device, probe);
        Optional<RecurrentOps> recurrent =
                device.recurrentOps().map(real -> timed(RecurrentOps.class, real, device, probe));
        Sampler sampler = timed(Sampler.class, device.sampler(), device, probe);
        Optional<ExpertOps> experts = device.expertOps().map(real -> timed(ExpertOps.class, real, device, probe));
        return (Device) Proxy.newProxyInstance(
                getClass().getClassLoader(),
                new Class<?>[] {Device.class},
                (proxy, method, arguments) -> switch (method.getName()) {
                    case "ops" -> ops;
                    case "recurrentOps" -> recurrent;
                    case "sampler" -> sampler;
                    case "expertOps" -> experts;
                    default -> invoke(method, device, arguments);
                });
    }

    private <T> T timed(Class<T> type, T real, Device device, Tensor probe) {
        return type.cast(Proxy.newProxyInstance(
                getClass().getClassLoader(), new Class<?>[] {type}, (proxy, verb, arguments) -> {
                    long start = System.nanoTime();
                    Object result = invoke(verb, real, arguments);
                    if (waiting) {
                        device.read(probe);
                        long[] sumAndCount =
                                nanosByVerb.computeIfAbsent(verb.getName() + detail(arguments), name -> new long[2]);
                        sumAndCount[0] += System.nanoTime() - start;
                        sumAndCount[1]++;
                    }
                    return result;
                }));
    }

    private static Object invoke(java.lang.reflect.Method method, Object on, Object[] arguments) throws Throwable {
        try {
            return method.invoke(on, arguments);
        } catch (InvocationTargetException e) {
            throw e.getCause();
        }
    }

    private static String detail(Object[] arguments) {
        return Stream.ofNullable(arguments)
                .flatMap(Stream::of)
                .filter(Matrix.class::isInstance)
                .map(Matrix.class::cast)
                .map(matrix -> " " + matrix.inputs() + " -> " + matrix.outputs())
                .findFirst()
                .orElse("");
    }
}
