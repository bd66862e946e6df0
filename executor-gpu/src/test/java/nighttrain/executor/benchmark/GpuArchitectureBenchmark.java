package nighttrain.executor.benchmark;

import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import nighttrain.executor.benchmark.SwitchedSums.Mode;
import nighttrain.executor.cache.CacheLayout;
import nighttrain.executor.cache.CacheSpec;
import nighttrain.executor.device.Device;
import nighttrain.executor.device.Device.GraphRecorder.CapturedGraph;
import nighttrain.executor.device.cuda.CudaDevices;
import nighttrain.executor.model.Decoder;
import nighttrain.executor.step.Batch;
import nighttrain.executor.step.StepLimits;
import nighttrain.io.checkpoint.Checkpoint;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Measures steps of one shape with random weights over all GPUs of this machine, with and without all-reduces in turn (without is the bound
 * for communication); prints medians in milliseconds. A decode step is a captured graph. {@code -Dbench.brief=true} runs three of the six
 * steps; {@code -Dbench.size=13b} takes shapes of that size instead of 30b; {@code -Dbench.shapes=dense-30b,track-30b-d8} takes these shapes.
 */
@Tag("gpu")
@Tag("benchmark")
@Timeout(300)
class GpuArchitectureBenchmark {
    private static final int PREFILL_TOKENS = 8192;
    private static final int KV_TOKENS = 280_000;
    private static final int SEQUENCES = 256;
    private static final int LONGEST = 4224;
    private static final boolean BRIEF = Boolean.getBoolean("bench.brief");
    private static final int PREFILL_ROUNDS = 3;
    private static final int DECODE_ROUNDS = 15;
    private static final StepLimits LIMITS = new StepLimits(SEQUENCES, PREFILL_TOKENS, 0, LONGEST);

    static Stream<String> shapes() {
        String all =
                "dense-%1$s,track-%1$s-d8,track-%1$s-d4,track-%1$s-d2,ladder-%1$s,parallel-%1$s,kraken-%1$s,desync-%1$s,delayed-%1$s"
                        .formatted(System.getProperty("bench.size", "30b"));
        return Stream.of(System.getProperty("bench.shapes", all).split(","));
    }

    @ParameterizedTest
    @MethodSource("shapes")
    void milliseconds(String shape) {
        int gpus = Integer.getInteger("bench.gpus", CudaDevices.count());
        Checkpoint checkpoint = Steps.weights(shape);
        CacheLayout layout = CacheLayout.of(
                CacheSpec.of(checkpoint.spec(), gpus, Short.BYTES, LIMITS.maxModelLen()),
                Steps.PAGE_TOKENS,
                KV_TOKENS / Steps.PAGE_TOKENS,
                SEQUENCES);
        List<Device> devices =
                CudaDevices.ranks(IntStream.range(0, gpus).boxed().toList(), LIMITS, layout);
        CyclicBarrier together = new CyclicBarrier(gpus);
        try (checkpoint) {
            List<CompletableFuture<Void>> ranks = devices.stream()
                    .map(device -> CompletableFuture.runAsync(
                            () -> new Rank(shape, checkpoint, layout, device, together).run(),
                            Executors.newSingleThreadExecutor()))
                    .toList();
            ranks.forEach(CompletableFuture::join);
        } finally {
            devices.forEach(Device::close);
        }
    }

    private static final class Rank {
        private final String shape;
        private final Device device;
        private final CyclicBarrier together;
        private final SwitchedSums sums;
        private final Decoder decoder;
        private final int groups;

        private Rank(String shape, Checkpoint checkpoint, CacheLayout layout, Device device, CyclicBarrier together) {
            this.shape = shape;
            this.device = device;
            this.together = together;
            this.sums = new SwitchedSums(device.communicator());
            long start = System.nanoTime();
            this.decoder = Decoder.load(checkpoint, sums.in(device), LIMITS, layout);
            this.groups = layout.groups().size();
            say("loaded in %.1f s".formatted((System.nanoTime() - start) / 1e9));
        }

        private void say(String what) {
            if (sums.rank() == 0) {
                System.out.println(shape + ": " + what);
            }
        }

        private void run() {
            prefill("prefill 8 x 1024", Steps.prefill(groups, 8, 1024));
            decode("decode 64 at 1088", Steps.decode(groups, 64, 1088));
            decode("decode 256 at 1088", Steps.decode(groups, 256, 1088));
            if (!BRIEF) {
                prefill("prefill 2 x 4096", Steps.prefill(groups, 2, 4096));
                decode("decode 1 at 1088", Steps.decode(groups, 1, 1088));
                decode("decode 64 at 4160", Steps.decode(groups, 64, 4160));
            }
        }

        private void prefill(String name, Batch step) {
            Map<Mode, Runnable> ways = new EnumMap<>(Mode.class);
            for (Mode mode : Mode.values()) {
                ways.put(mode, () -> {
                    sums.set(mode);
                    decoder.enqueue(step.size(), step.outputRows().length);
                });
            }
            report(name, step, ways, PREFILL_ROUNDS);
        }

        private void decode(String name, Batch step) {
            Map<Mode, Runnable> ways = new EnumMap<>(Mode.class);
            for (Mode mode : Mode.values()) {
                sums.set(mode);
                decoder.begin(step);
                decoder.enqueue(step.size(), step.size());
                device.stepIo().end().await();
                CapturedGraph graph =
                        device.recorder().orElseThrow().record(() -> decoder.enqueue(step.size(), step.size()));
                ways.put(mode, graph::replay);
            }
            report(name, step, ways, DECODE_ROUNDS);
        }

        private void report(String name, Batch step, Map<Mode, Runnable> ways, int rounds) {
            Map<Mode, List<Double>> millis = new EnumMap<>(Mode.class);
            long waited = 0;
            for (int round = 0; round <= rounds; round++) {
                for (Mode mode : Mode.values()) {
                    long before = sums.waitedNanos();
                    double time = millis(step, ways.get(mode));
                    waited += mode == Mode.MADE && round > 0 ? sums.waitedNanos() - before : 0;
                    if (round > 0) {
                        millis.computeIfAbsent(mode, key -> new ArrayList<>()).add(time);
                    }
                }
            }
            say("%-20s %8.2f ms, without sums %8.2f (%.3f of it); in sums %.2f"
                    .formatted(
                            name,
                            median(millis, Mode.MADE),
                            median(millis, Mode.SKIPPED),
                            median(millis, Mode.SKIPPED) / median(millis, Mode.MADE),
                            waited / 1e6 / rounds));
        }

        private double millis(Batch step, Runnable way) {
            decoder.begin(step);
            device.stepIo().end().await();
            await();
            long start = System.nanoTime();
            way.run();
            device.stepIo().end().await();
            return (System.nanoTime() - start) / 1e6;
        }

        private void await() {
            try {
                together.await(60, TimeUnit.SECONDS);
            } catch (Exception e) {
                throw new IllegalStateException(e);
            }
        }

        private static double median(Map<Mode, List<Double>> millis, Mode mode) {
            return millis.get(mode).stream()
                    .sorted()
                    .skip(millis.get(mode).size() / 2)
                    .findFirst()
                    .orElseThrow();
        }
    }
}
