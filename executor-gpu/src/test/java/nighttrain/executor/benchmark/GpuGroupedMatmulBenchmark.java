package nighttrain.executor.benchmark;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.function.LongConsumer;
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
import nighttrain.executor.device.cuda.matmul.GroupedMatmul;
import nighttrain.executor.device.cuda.matmul.HopperGroupedMatmul;
import nighttrain.executor.device.cuda.matmul.HopperGroupedMatmul.Rows;
import nighttrain.executor.device.cuda.matmul.HopperGroupedMatmul.Tiling;
import nighttrain.executor.device.cuda.matmul.Matmuls.CudaMatrix;
import nighttrain.executor.device.cuda.tensor.CudaTensor;
import nighttrain.executor.device.cuda.tensor.HostCopies;
import nighttrain.io.checkpoint.Bfloat16;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * The two products of models' experts, tokens routed evenly at random, by the kernel that serves the GPU and by the portable one in
 * turn: microseconds, the share of the copy rate in reading the weights of the experts that were hit, and of the bf16 matrix rate.
 * {@code -Dbench.shapes=qwen3-30b-a3b,gpt-oss-20b -Dbench.tokens=1,64,256,1024,8192}.
 */
@Tag("gpu")
@Tag("benchmark")
@Timeout(600)
class GpuGroupedMatmulBenchmark {
    private static final List<String> CHOSEN =
            List.of(System.getProperty("bench.shapes", "qwen3-30b-a3b,gpt-oss-20b,qwen3.5-35b-a3b,mixtral").split(","));
    private static final int[] TOKENS = Stream.of(System.getProperty("bench.tokens", "1,64,256,1024,8192").split(","))
            .mapToInt(Integer::parseInt)
            .toArray();

    /** Products are run with several routings in turn, so that no weights are left in the cache from the run before. */
    private static final int ROUTINGS = 8;

    private static final int RUNS = 4;
    private static final int RANDOM_BYTES = 1 << 24;

    /** A model's experts, as its conf/shapes has them. */
    private record Shape(String name, int hidden, int width, int experts, int chosen) {}

    private static final List<Shape> SHAPES = List.of(
            new Shape("qwen3-30b-a3b", 2048, 768, 128, 8),
            new Shape("gpt-oss-20b", 2880, 2880, 32, 4),
            new Shape("qwen3.5-35b-a3b", 2048, 512, 256, 8),
            new Shape("mixtral", 4096, 14_336, 8, 2));

    private final Random random = new Random(1);
    private PeakRates peak;
    private Streams streams;
    private GroupedMatmul chosen;
    private GroupedMatmul portable;
    private HopperGroupedMatmul hopper;

    @Test
    void microsecondsByTokens() {
        peak = CudaDevices.peakRates(0);
        CudaContext context = new CudaContext(0);
        context.makeCurrent();
        KernelModules modules = new KernelModules(new KernelCompiler(
                NativeLibraries.load("nvrtc", Nvrtc.class), context.architecture(), CubinCache.ofUser()));
        streams = new Streams();
        chosen = new GroupedMatmul(context, modules, streams);
        portable = GroupedMatmul.portable(context, modules, streams);
        hopper = HopperGroupedMatmul.on(context, modules, streams).orElseThrow();
        for (Shape shape : SHAPES) {
            if (CHOSEN.contains(shape.name)) {
                measure(shape, "gate and up", shape.hidden, 2 * shape.width);
                measure(shape, "down", shape.width, shape.hidden);
            }
        }
        streams.drain();
        modules.close();
        streams.close();
        context.close(false);
    }

    private void measure(Shape shape, String name, int inputs, int outputs) {
        int mostRows = IntStream.of(TOKENS).max().orElseThrow() * shape.chosen;
        try (DeviceMemory memory = new DeviceMemory()) {
            CudaMatrix experts = CudaMatrix.plain(
                    shape.experts,
                    outputs,
                    inputs,
                    randomNumbers(memory, (long) shape.experts * outputs * inputs).address());
            DevicePointer x = randomNumbers(memory, (long) mostRows * inputs);
            DevicePointer scales = memory.allocate("scales", 4L * Math.max(shape.experts * outputs, mostRows));
            eightBits = new CudaMatrix(
                    shape.experts,
                    outputs,
                    inputs,
                    nighttrain.io.spec.WeightFormat.FP8,
                    randomCodes(memory, (long) shape.experts * outputs * inputs).address(),
                    scales.address(),
                    0,
                    0);
            codes = new nighttrain.executor.device.cuda.matmul.Fp8Operands.Operand(
                    randomCodes(memory, (long) mostRows * inputs).address(), scales.address(), mostRows, inputs);
            DevicePointer out = memory.allocate("out", (long) mostRows * outputs * CudaTensor.BF16);
            for (int tokens : TOKENS) {
                int rows = tokens * shape.chosen;
                measure(shape, name, tokens, experts, tensor(x, rows, inputs), tensor(out, rows, outputs), memory);
            }
        }
    }

    private void measure(
            Shape shape, String name, int tokens, CudaMatrix experts, CudaTensor x, CudaTensor out, DeviceMemory memory) {
        List<Long> offsets = new ArrayList<>();
        double hit = 0;
        for (int i = 0; i < ROUTINGS; i++) {
            int[] counts = route(tokens, shape.experts, shape.chosen);
            hit += IntStream.of(counts).filter(count -> count > 0).count() / (double) ROUTINGS;
            offsets.add(upload(memory, counts));
        }
        double bytes = hit * experts.outputs() * experts.inputs() * CudaTensor.BF16;
        double flops = 2.0 * tokens * shape.chosen * experts.outputs() * experts.inputs();
        StringBuilder line = new StringBuilder();
        double first = micros(offsets, at -> chosen.run(out, x, experts, at));
        double other = micros(offsets, at -> portable.run(out, x, experts, at));
        double again = micros(offsets, at -> chosen.run(out, x, experts, at));
        for (Tiling tiling : Tiling.values()) {
            line.append(" %s %.1f".formatted(tiling, micros(offsets, at -> hopper.run(out, Rows.of(x), experts, at, Optional.empty(), tiling))));
        }
        if (name.startsWith("gate")) {
            CudaTensor half = tensor(out.base(), x.rows(), experts.outputs() / 2);
            for (Tiling tiling : Tiling.values()) {
                line.append(" GATED %s %.1f".formatted(tiling, micros(offsets, at -> hopper.run(half, Rows.of(x), experts, at, Optional.of(HopperGroupedMatmul.Gated.SWIGLU), tiling))));
            }
        }
        for (Tiling tiling : Tiling.values()) {
            line.append(" FP8 %s %.1f".formatted(tiling, micros(offsets, at -> hopper.run(out, Rows.of(x, codes), eightBits, at, Optional.empty(), tiling))));
        }
        double micros = Math.min(first, again);
        System.out.printf(
                "%s, %s %d -> %d, %d tokens (%.0f experts hit): %.1f us, %.2f TB/s (%.2f of copying), %.0f TFLOP/s (%.2f of matmul);"
                        + " portable %.1f;%s%n",
                shape.name,
                name,
                experts.inputs(),
                experts.outputs(),
                tokens,
                hit,
                micros,
                bytes / micros / 1e6,
                bytes / micros * 1e6 / peak.bytesPerSecond(),
                flops / micros / 1e6,
                flops / micros * 1e6 / peak.flopsPerSecond(),
                other,
                line);
    }

    private CudaMatrix eightBits;
    private nighttrain.executor.device.cuda.matmul.Fp8Operands.Operand codes;

    private DevicePointer randomCodes(DeviceMemory memory, long count) {
        ByteBuffer numbers = ByteBuffer.allocateDirect(RANDOM_BYTES).order(ByteOrder.nativeOrder());
        byte[] some = new byte[1 << 16];
        for (int i = 0; i < some.length; i++) {
            some[i] = nighttrain.io.checkpoint.E4m3.of((float) random.nextGaussian() * 100);
        }
        while (numbers.hasRemaining()) {
            numbers.put(some);
        }
        numbers.rewind();
        long bytes = (count + RANDOM_BYTES - 1) / RANDOM_BYTES * RANDOM_BYTES;
        DevicePointer pointer = memory.allocate("random numbers", bytes);
        for (long at = 0; at < bytes; at += RANDOM_BYTES) {
            HostCopies.write(pointer.withByteOffset(at), numbers);
        }
        return pointer;
    }

    private double micros(List<Long> offsets, LongConsumer product) {
        offsets.forEach(product::accept);
        try (CudaGraphRecorder recorder = new CudaGraphRecorder(streams)) {
            CapturedGraph graph = recorder.record(() -> offsets.forEach(product::accept));
            double seconds = GpuTimer.leastSeconds(streams.main(), RUNS, graph::replay);
            return 1e6 * seconds / offsets.size();
        }
    }

    /** How many tokens every expert gets. */
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
        ByteBuffer starts = ByteBuffer.allocateDirect((counts.length + 1) * Integer.BYTES)
                .order(ByteOrder.nativeOrder());
        int start = 0;
        starts.putInt(start);
        for (int count : counts) {
            start += count;
            starts.putInt(start);
        }
        HostCopies.write(offsets, starts.rewind());
        return offsets.address();
    }

    private DevicePointer randomNumbers(DeviceMemory memory, long count) {
        ByteBuffer numbers = ByteBuffer.allocateDirect(RANDOM_BYTES).order(ByteOrder.nativeOrder());
        short[] some = new short[1 << 16];
        for (int i = 0; i < some.length; i++) {
            some[i] = Bfloat16.of((float) random.nextGaussian());
        }
        while (numbers.hasRemaining()) {
            numbers.asShortBuffer().put(some);
            numbers.position(numbers.position() + 2 * some.length);
        }
        numbers.rewind();
        long bytes = (count * CudaTensor.BF16 + RANDOM_BYTES - 1) / RANDOM_BYTES * RANDOM_BYTES;
        DevicePointer pointer = memory.allocate("random numbers", bytes);
        for (long at = 0; at < bytes; at += RANDOM_BYTES) {
            HostCopies.write(pointer.withByteOffset(at), numbers);
        }
        return pointer;
    }

    private static CudaTensor tensor(DevicePointer base, int rows, int cols) {
        return new CudaTensor(base, 0, 0, 1, rows, cols, rows, (long) rows * cols, CudaTensor.BF16);
    }
}
