package nighttrain.executor.benchmark;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.List;
import java.util.Locale;
import java.util.Random;
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
import nighttrain.executor.device.cuda.matmul.CublasLt;
import nighttrain.executor.device.cuda.matmul.CudaMatrix;
import nighttrain.executor.device.cuda.matmul.FewRows;
import nighttrain.executor.device.cuda.matmul.Fp8Operands;
import nighttrain.executor.device.cuda.matmul.FusedSwiGlu;
import nighttrain.executor.device.cuda.matmul.Matmuls;
import nighttrain.executor.device.cuda.matmul.SplitMatmul;
import nighttrain.executor.device.cuda.tensor.CudaTensor;
import nighttrain.executor.device.cuda.tensor.HostCopies;
import nighttrain.io.checkpoint.Bfloat16;
import nighttrain.io.spec.WeightFormat;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Measures the matmuls of dense-8b's decode steps with cuBLASLt and with the project's kernels that serve them. A graph records them one after
 * the other, each with other weights. Prints microseconds and the share of the bound by the copy rate and the bf16 matrix rate.
 * {@code -Dbench.rows=1,8,16,64,128,256 -Dbench.shapes=4096x6144,4096x4096 -Dbench.quantization=none}; a shape is inputs x outputs. In 8 bits
 * the time includes rounding x, and the bound uses twice the bf16 rate.
 */
@Tag("gpu")
@Tag("benchmark")
@Timeout(300)
class GpuMatmulBenchmark {
    private static final int GATED = 28_672; // outputs of the matmul before the activation
    private static final int MOST_OUTPUTS = 128_256;
    private static final int WIDEST = 14_336;
    private static final int MOST_ROWS = 8192;
    private static final long WEIGHT_BYTES = 1L << 30;
    private static final int RUNS = 5;
    private static final WeightFormat FORMAT =
            System.getProperty("bench.quantization", "none").equals("fp8") ? WeightFormat.FP8 : WeightFormat.PLAIN;
    private static final int ELEMENT_BYTES = FORMAT == WeightFormat.FP8 ? 1 : CudaTensor.BF16;

    private final DeviceMemory memory = new DeviceMemory();
    private final Random random = new Random(1);
    private PeakRates peak;
    private Streams streams;
    private DevicePointer weights;
    private DevicePointer x;
    private DevicePointer out;
    private DevicePointer scales;

    @Test
    void microsecondsByRows() {
        peak = CudaDevices.peakRates(0);
        CudaContext context = new CudaContext(0);
        context.makeCurrent();
        streams = new Streams();
        KernelModules modules = new KernelModules(new KernelCompiler(
                NativeLibraries.load("nvrtc", Nvrtc.class), context.architecture(), CubinCache.ofUser()));
        Fp8Operands fp8 = new Fp8Operands(modules, streams, memory);
        CublasLt lt = NativeLibraries.load("cublasLt", CublasLt.class);
        FewRows fewRows = new FewRows(context, modules, streams, true);
        SplitMatmul split = new SplitMatmul(context, modules, streams, true);
        Matmuls cublas = new Matmuls(
                lt,
                modules,
                streams,
                memory,
                fp8,
                new FewRows(context, modules, streams, false),
                new SplitMatmul(context, modules, streams, false),
                MOST_ROWS,
                false);
        Matmuls ours = new Matmuls(lt, modules, streams, memory, fp8, fewRows, split, MOST_ROWS, false);
        FusedSwiGlu fused = new FusedSwiGlu(context, modules, streams, true);
        weights = numbers(WEIGHT_BYTES, 0.02f);
        scales = memory.allocate("scales", (long) MOST_OUTPUTS * Float.BYTES);
        x = numbers((long) MOST_ROWS * WIDEST * CudaTensor.BF16, 1);
        out = memory.allocate("out", (long) MOST_ROWS * MOST_OUTPUTS * CudaTensor.BF16);
        System.out.printf(
                Locale.ROOT,
                "copy %.2f TB/s, bf16 product %.0f TFLOP/s%n",
                peak.bytesPerSecond() / 1e12,
                peak.flopsPerSecond() / 1e12);
        for (int rows : numbers("bench.rows", "1,2,8,16,32,64,128,256")) {
            for (String shape : System.getProperty(
                            "bench.shapes", "4096x6144,4096x4096,4096x28672,14336x4096,4096x128256")
                    .split(",", -1)) {
                int inputs = Integer.parseInt(shape.split("x", -1)[0]);
                int outputs = Integer.parseInt(shape.split("x", -1)[1]);
                CudaTensor in = tensor(x, rows, inputs);
                CudaTensor to = tensor(out, rows, outputs);
                CudaTensor activated = tensor(out, rows, outputs / 2);
                fp8.reserve(1, MOST_ROWS, inputs);
                StringBuilder line = new StringBuilder();
                line.append(print("cuBLASLt", in, outputs, matrix -> cublas.run(to, in, matrix)));
                if (fewRows.serves(in, matrix(in, outputs, 0))) {
                    line.append(print("few rows", in, outputs, matrix -> ours.run(to, in, matrix)));
                }
                if (split.serves(to, in, matrix(in, outputs, 0))) {
                    line.append(print("split", in, outputs, matrix -> ours.run(to, in, matrix)));
                }
                if (outputs == GATED && fewRows.activates(in, matrix(in, outputs, 0))) {
                    line.append(print(
                            "few rows, SwiGLU", in, outputs, matrix -> fewRows.runActivated(activated, in, matrix)));
                }
                if (outputs == GATED && fused.serves(in, matrix(in, outputs, 0))) {
                    line.append(print("SwiGLU", in, outputs, matrix -> fused.run(activated, in, matrix)));
                }
                System.out.printf(Locale.ROOT, "%d x %s:%s%n", rows, shape, line);
            }
        }
        memory.close();
    }

    private interface Product {
        void run(CudaMatrix matrix);
    }

    private String print(String name, CudaTensor in, int outputs, Product product) {
        long bytes = (long) in.cols() * outputs * ELEMENT_BYTES;
        double flops = 2.0 * in.rows() * in.cols() * outputs;
        double rate = peak.flopsPerSecond() * CudaTensor.BF16 / ELEMENT_BYTES;
        double bound = Math.max(bytes / peak.bytesPerSecond(), flops / rate);
        List<CudaMatrix> matrices = IntStream.range(0, (int) Math.max(1, Math.min(16, WEIGHT_BYTES / bytes)))
                .mapToObj(i -> matrix(in, outputs, i * bytes % (WEIGHT_BYTES - bytes + 1) / 256 * 256))
                .toList();
        product.run(matrices.get(0));
        streams.synchronize();
        try (CudaGraphRecorder recorder = new CudaGraphRecorder(streams)) {
            CapturedGraph graph = recorder.record(() -> matrices.forEach(product::run));
            double seconds = GpuTimer.leastSeconds(streams.main(), RUNS, graph::replay) / matrices.size();
            return String.format(Locale.ROOT, "  %s %.1f (%.2f)", name, 1e6 * seconds, bound / seconds);
        }
    }

    private CudaMatrix matrix(CudaTensor in, int outputs, long offset) {
        return new CudaMatrix(1, outputs, in.cols(), FORMAT, weights.address() + offset, scales.address(), 0, 0);
    }

    private static int[] numbers(String property, String otherwise) {
        return Stream.of(System.getProperty(property, otherwise).split(","))
                .mapToInt(Integer::parseInt)
                .toArray();
    }

    private static CudaTensor tensor(DevicePointer base, int rows, int cols) {
        return new CudaTensor(base, 0, 0, 1, rows, cols, MOST_ROWS, (long) MOST_ROWS * cols, CudaTensor.BF16);
    }

    private DevicePointer numbers(long bytes, float size) {
        ByteBuffer block = ByteBuffer.allocateDirect(1 << 24).order(ByteOrder.nativeOrder());
        short[] some = new short[1 << 16];
        for (int i = 0; i < some.length; i++) {
            some[i] = Bfloat16.of((float) random.nextGaussian() * size);
        }
        while (block.hasRemaining()) {
            block.asShortBuffer().put(some);
            block.position(block.position() + 2 * some.length);
        }
        long whole = (bytes + block.capacity() - 1) / block.capacity() * block.capacity();
        DevicePointer pointer = memory.allocate("numbers", whole);
        for (long at = 0; at < whole; at += block.capacity()) {
            HostCopies.write(pointer.withByteOffset(at), block.rewind());
        }
        return pointer;
    }
}
