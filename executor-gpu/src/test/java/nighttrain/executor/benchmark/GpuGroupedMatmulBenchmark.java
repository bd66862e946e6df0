package nighttrain.executor.benchmark;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.function.LongConsumer;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import nighttrain.executor.device.Device.GraphRecorder.CapturedGraph;
import nighttrain.executor.device.Device.PeakRates;
import nighttrain.executor.device.cuda.CudaDevices;
import nighttrain.executor.device.cuda.driver.CudaContext;
import nighttrain.executor.device.cuda.driver.CudaGraphRecorder;
import nighttrain.executor.device.cuda.driver.DeviceMemory;
import nighttrain.executor.device.cuda.driver.DeviceMemory.DevicePointer;
import nighttrain.executor.device.cuda.driver.GpuTimer;
import nighttrain.executor.device.cuda.driver.NativeLibraries;
import nighttrain.executor.device.cuda.driver.Streams;
import nighttrain.executor.device.cuda.kernel.KernelCompiler;
import nighttrain.executor.device.cuda.kernel.KernelCompiler.CubinCache;
import nighttrain.executor.device.cuda.kernel.KernelCompiler.Nvrtc;
import nighttrain.executor.device.cuda.kernel.KernelModules;
import nighttrain.executor.device.cuda.matmul.CudaMatrix;
import nighttrain.executor.device.cuda.matmul.Fp8Operands.Operand;
import nighttrain.executor.device.cuda.matmul.GroupedMatmul;
import nighttrain.executor.device.cuda.matmul.HopperGroupedMatmul;
import nighttrain.executor.device.cuda.matmul.HopperGroupedMatmul.Gated;
import nighttrain.executor.device.cuda.matmul.HopperGroupedMatmul.Tiling;
import nighttrain.executor.device.cuda.matmul.Rows;
import nighttrain.executor.device.cuda.tensor.CudaTensor;
import nighttrain.executor.device.cuda.tensor.HostCopies;
import nighttrain.io.checkpoint.Bfloat16;
import nighttrain.io.checkpoint.E4m3;
import nighttrain.io.spec.WeightFormat;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Measures the two matmuls of models' experts with tokens routed evenly at random: the Hopper kernel, the portable one, and the Hopper kernel with
 * fused activation and in 8 bits. Prints microseconds, and the Hopper kernel's share of the copy rate for reading the experts that were hit and of
 * the bf16 matrix rate. {@code -Dbench.shapes=qwen3-30b-a3b,gpt-oss-20b -Dbench.tokens=1,64,256,1024,8192}; {@code -Dbench.tilings=true} adds
 * every tiling.
 */
@Tag("gpu")
@Tag("benchmark")
@Timeout(600)
class GpuGroupedMatmulBenchmark {
    private static final List<String> WANTED =
            List.of(System.getProperty("bench.shapes", "qwen3-30b-a3b,gpt-oss-20b,qwen3.5-35b-a3b,mixtral")
                    .split(","));
    private static final int[] TOKENS = Stream.of(
                    System.getProperty("bench.tokens", "1,64,256,1024,8192").split(","))
            .mapToInt(Integer::parseInt)
            .toArray();

    /** Matmuls run with several routings in turn, so that no weights are left in the cache from the previous run. */
    private static final int ROUTINGS = 8;

    private static final int RUNS = 4;

    /** Pause between measurements, so that heat from one does not slow the next. */
    private static final int PAUSE_MS = 30;

    private static final int RANDOM_BYTES = 1 << 24;

    /** The sizes of a model's experts. */
    private record Shape(String name, int hidden, int width, int experts, int chosen) {}

    private static final List<Shape> SHAPES = List.of(
            new Shape("qwen3-30b-a3b", 2048, 768, 128, 8),
            new Shape("gpt-oss-20b", 2880, 2880, 32, 4),
            new Shape("qwen3.5-35b-a3b", 2048, 512, 256, 8),
            new Shape("mixtral", 4096, 14_336, 8, 2));

    private final Random random = new Random(1);
    private PeakRates peak;
    private Streams streams;
    private GroupedMatmul portable;
    private HopperGroupedMatmul hopper;

    /** The operands and the output of a matmul, in bf16 and in 8 bits. */
    private record Operands(
            Shape shape, CudaMatrix experts, CudaMatrix codes, CudaTensor x, Operand xCodes, CudaTensor out) {
        private CudaTensor rows(CudaTensor of, int rows, int cols) {
            return new CudaTensor(of.base(), 0, 0, 1, rows, cols, rows, (long) rows * cols, CudaTensor.BF16);
        }
    }

    @Test
    void microsecondsByTokens() {
        peak = CudaDevices.peakRates(0);
        CudaContext context = new CudaContext(0);
        context.makeCurrent();
        KernelModules modules = new KernelModules(new KernelCompiler(
                NativeLibraries.load("nvrtc", Nvrtc.class), context.architecture(), CubinCache.ofUser()));
        streams = new Streams();
        portable = GroupedMatmul.portable(context, modules, streams);
        hopper = HopperGroupedMatmul.on(context, modules, streams).orElseThrow();
        for (Shape shape : SHAPES) {
            if (WANTED.contains(shape.name)) {
                measure(shape, shape.hidden, 2 * shape.width, true);
                measure(shape, shape.width, shape.hidden, false);
            }
        }
        streams.drain();
        modules.close();
        streams.close();
        context.close(false);
    }

    private void measure(Shape shape, int inputs, int outputs, boolean gated) {
        int mostRows = IntStream.of(TOKENS).max().orElseThrow() * shape.chosen;
        long weights = (long) shape.experts * outputs * inputs;
        try (DeviceMemory memory = new DeviceMemory()) {
            long scales = memory.allocate("scales", 4L * Math.max(shape.experts * outputs, mostRows))
                    .address();
            DevicePointer x = upload(memory, (long) mostRows * inputs * CudaTensor.BF16, numbers());
            DevicePointer out = memory.allocate("out", (long) mostRows * outputs * CudaTensor.BF16);
            Operands operands = new Operands(
                    shape,
                    CudaMatrix.plain(
                            shape.experts,
                            outputs,
                            inputs,
                            upload(memory, weights * CudaTensor.BF16, numbers()).address()),
                    new CudaMatrix(
                            shape.experts,
                            outputs,
                            inputs,
                            WeightFormat.FP8,
                            upload(memory, weights, codes()).address(),
                            scales,
                            0,
                            0),
                    tensor(x, mostRows, inputs),
                    new Operand(
                            upload(memory, (long) mostRows * inputs, codes()).address(), scales, mostRows, inputs),
                    tensor(out, mostRows, outputs));
            for (int tokens : TOKENS) {
                measure(operands, tokens, gated, memory);
            }
        }
    }

    private void measure(Operands of, int tokens, boolean gated, DeviceMemory memory) {
        List<Long> offsets = new ArrayList<>();
        double hit = 0;
        for (int i = 0; i < ROUTINGS; i++) {
            int[] counts = route(tokens, of.shape.experts, of.shape.chosen);
            hit += IntStream.of(counts).filter(count -> count > 0).count() / (double) ROUTINGS;
            offsets.add(upload(memory, counts));
        }
        int rows = tokens * of.shape.chosen;
        int outputs = of.experts.outputs();
        int inputs = of.experts.inputs();
        CudaTensor x = of.rows(of.x, rows, inputs);
        CudaTensor out = of.rows(of.out, rows, outputs);
        CudaTensor activated = of.rows(of.out, rows, outputs / 2);
        Optional<Gated> swiGlu = Optional.of(Gated.SWIGLU);
        double micros = micros(offsets, at -> hopper.run(out, Rows.of(x), of.experts, at, Optional.empty()));
        double bytesPerMicro = hit * outputs * inputs * CudaTensor.BF16 / micros;
        double flopsPerMicro = 2.0 * rows * outputs * inputs / micros;
        System.out.printf(
                "%s %d -> %d, %d tokens (%.0f experts hit): %.1f us, %.2f TB/s (%.2f of copying), %.0f TFLOP/s (%.2f of matmul);"
                        + " portable %.1f us, activated %s, in 8 bits %.1f us%s%n",
                of.shape.name,
                inputs,
                outputs,
                tokens,
                hit,
                micros,
                bytesPerMicro / 1e6,
                bytesPerMicro * 1e6 / peak.bytesPerSecond(),
                flopsPerMicro / 1e6,
                flopsPerMicro * 1e6 / peak.flopsPerSecond(),
                micros(offsets, at -> portable.run(out, x, of.experts, at)),
                gated
                        ? "%.1f us"
                                .formatted(micros(
                                        offsets, at -> hopper.run(activated, Rows.of(x), of.experts, at, swiGlu)))
                        : "-",
                micros(offsets, at -> hopper.run(out, Rows.of(x, of.xCodes), of.codes, at, Optional.empty())),
                Boolean.getBoolean("bench.tilings") ? tilings(of, x, out, offsets) : "");
    }

    private String tilings(Operands of, CudaTensor x, CudaTensor out, List<Long> offsets) {
        return Arrays.stream(Tiling.values())
                .map(tiling -> "; %s %.1f, in 8 bits %.1f"
                        .formatted(
                                tiling,
                                micros(
                                        offsets,
                                        at -> hopper.run(out, Rows.of(x), of.experts, at, Optional.empty(), tiling)),
                                micros(
                                        offsets,
                                        at -> hopper.run(
                                                out, Rows.of(x, of.xCodes), of.codes, at, Optional.empty(), tiling))))
                .collect(Collectors.joining());
    }

    /** Returns the least time of a matmul in microseconds, from a captured graph of every routing in turn. */
    private double micros(List<Long> offsets, LongConsumer product) {
        offsets.forEach(product::accept);
        streams.synchronize();
        try (CudaGraphRecorder recorder = new CudaGraphRecorder(streams)) {
            CapturedGraph graph = recorder.record(() -> offsets.forEach(product::accept));
            Thread.sleep(PAUSE_MS);
            return 1e6 * GpuTimer.leastSeconds(streams.main(), RUNS, graph::replay) / offsets.size();
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    /** Returns how many tokens each expert gets. */
    private int[] route(int tokens, int experts, int chosen) {
        int[] counts = new int[experts];
        int[] numbers = IntStream.range(0, experts).toArray();
        for (int token = 0; token < tokens; token++) {
            for (int i = 0; i < chosen; i++) {
                int other = i + random.nextInt(experts - i);
                int number = numbers[other];
                numbers[other] = numbers[i];
                numbers[i] = number;
                counts[number]++;
            }
        }
        return counts;
    }

    private static long upload(DeviceMemory memory, int[] counts) {
        DevicePointer offsets = memory.allocate("offsets", (counts.length + 1L) * Integer.BYTES);
        ByteBuffer starts =
                ByteBuffer.allocateDirect((counts.length + 1) * Integer.BYTES).order(ByteOrder.nativeOrder());
        int start = 0;
        starts.putInt(start);
        for (int count : counts) {
            start += count;
            starts.putInt(start);
        }
        HostCopies.write(offsets, starts.rewind());
        return offsets.address();
    }

    private byte[] numbers() {
        ByteBuffer bytes = ByteBuffer.allocate(1 << 17).order(ByteOrder.nativeOrder());
        while (bytes.hasRemaining()) {
            bytes.putShort(Bfloat16.of((float) random.nextGaussian()));
        }
        return bytes.array();
    }

    private byte[] codes() {
        byte[] codes = new byte[1 << 17];
        for (int i = 0; i < codes.length; i++) {
            codes[i] = E4m3.of((float) (100 * random.nextGaussian()));
        }
        return codes;
    }

    /** Uploads the same random bytes repeatedly: the GPU's clock depends on how random the numbers are. */
    private static DevicePointer upload(DeviceMemory memory, long bytes, byte[] some) {
        ByteBuffer block = ByteBuffer.allocateDirect(RANDOM_BYTES);
        while (block.hasRemaining()) {
            block.put(some);
        }
        long whole = (bytes + RANDOM_BYTES - 1) / RANDOM_BYTES * RANDOM_BYTES;
        DevicePointer pointer = memory.allocate("random numbers", whole);
        for (long at = 0; at < whole; at += RANDOM_BYTES) {
            HostCopies.write(pointer.withByteOffset(at), block.rewind());
        }
        return pointer;
    }

    private static CudaTensor tensor(DevicePointer base, int rows, int cols) {
        return new CudaTensor(base, 0, 0, 1, rows, cols, rows, (long) rows * cols, CudaTensor.BF16);
    }
}
