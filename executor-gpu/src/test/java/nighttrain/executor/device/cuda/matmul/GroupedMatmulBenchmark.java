package nighttrain.executor.device.cuda.matmul;

import java.util.Arrays;
import java.util.Random;
import jcuda.Pointer;
import jcuda.driver.JCudaDriver;
import nighttrain.executor.device.cuda.CudaDevices;
import nighttrain.executor.device.cuda.driver.CudaContext;
import nighttrain.executor.device.cuda.driver.DeviceMemory;
import nighttrain.executor.device.cuda.driver.DeviceMemory.DevicePointer;
import nighttrain.executor.device.cuda.driver.GpuTimer;
import nighttrain.executor.device.cuda.driver.NativeLibraries;
import nighttrain.executor.device.cuda.driver.Streams;
import nighttrain.executor.device.cuda.kernel.KernelCompiler;
import nighttrain.executor.device.cuda.kernel.KernelCompiler.CubinCache;
import nighttrain.executor.device.cuda.kernel.KernelCompiler.Nvrtc;
import nighttrain.executor.device.cuda.kernel.KernelModules;
import nighttrain.executor.device.cuda.matmul.GroupedMatmul.TileRows;
import nighttrain.executor.device.cuda.matmul.Matmuls.CudaMatrix;
import nighttrain.executor.device.cuda.tensor.CudaTensor;
import nighttrain.io.checkpoint.Bfloat16;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The products of experts alone, tokens choosing at random, with every height of tiles: bytes and operations a second. */
@Tag("gpu")
@Tag("benchmark")
class GroupedMatmulBenchmark {
    private static final int RUNS = 8;

    private final DeviceMemory memory = new DeviceMemory();
    private CudaContext context;
    private Streams streams;
    private KernelModules modules;

    @BeforeEach
    void open() {
        CudaDevices.require();
        context = new CudaContext(0);
        context.makeCurrent();
        streams = new Streams();
        modules = new KernelModules(new KernelCompiler(
                NativeLibraries.load("nvrtc", Nvrtc.class), context.architecture(), CubinCache.ofUser()));
    }

    @AfterEach
    void close() {
        streams.synchronize();
        modules.close();
        memory.close();
        streams.close();
        context.close(false);
    }

    /** Qwen3-30B-A3B's first and second product, and gpt-oss-20b's, of decode and prefill steps. */
    @ParameterizedTest
    @CsvSource({
        "128,1536,2048,2048",
        "128,2048,768,2048",
        "128,1536,2048,65536",
        "128,2048,768,65536",
        "32,5760,2880,1024",
        "32,2880,2880,32768"
    })
    void productsOfExperts(int experts, int outputs, int inputs, int rows) {
        int[] offsets = new int[experts + 1];
        new Random(1).ints(rows, 0, experts).forEach(expert -> offsets[expert + 1]++);
        int most = Arrays.stream(offsets).max().getAsInt();
        Arrays.parallelPrefix(offsets, Integer::sum);
        DevicePointer at = memory.allocate("offsets", offsets.length * (long) Integer.BYTES);
        JCudaDriver.cuMemcpyHtoD(at, Pointer.to(offsets), offsets.length * (long) Integer.BYTES);
        CudaMatrix matrix = CudaMatrix.plain(
                experts, outputs, inputs, random((long) experts * outputs * inputs).address());
        CudaTensor x = rows(random((long) rows * inputs), rows, inputs);
        CudaTensor out = rows(random((long) rows * outputs), rows, outputs);
        GroupedMatmul matmul = new GroupedMatmul(context, modules, streams);
        TileRows chosen = TileRows.of(rows, experts);
        double bytes = CudaTensor.BF16
                * ((double) experts * outputs * inputs + (double) rows * inputs + (double) rows * outputs);
        double flops = 2.0 * rows * outputs * inputs;
        for (TileRows tile : TileRows.values()) {
            double seconds = GpuTimer.leastSeconds(
                    streams.main(), RUNS, () -> matmul.run(out, x, matrix, at.address(), tile));
            print(experts, inputs, outputs, rows, most, tile + (tile == chosen ? " *" : ""), seconds, bytes, flops);
        }
        double seconds =
                GpuTimer.leastSeconds(streams.main(), RUNS, () -> matmul.run(out, x, matrix, at.address()));
        print(experts, inputs, outputs, rows, most, "as chosen", seconds, bytes, flops);
    }

    private static void print(
            int experts,
            int inputs,
            int outputs,
            int rows,
            int most,
            String how,
            double seconds,
            double bytes,
            double flops) {
        System.out.printf(
                "%d experts %d -> %d, %d rows (most %d): %-10s %8.1f us, %.2f TB/s, %.0f TFLOP/s%n",
                experts, inputs, outputs, rows, most, how, 1e6 * seconds, bytes / seconds / 1e12, flops / seconds / 1e12);
    }

    private static CudaTensor rows(DevicePointer base, int rows, int cols) {
        return new CudaTensor(base, 0, 0, 1, rows, cols, rows, (long) rows * cols, CudaTensor.BF16);
    }

    /** A few random numbers again and again: constant ones would let the GPU run at a higher clock. */
    private DevicePointer random(long count) {
        short[] some = new short[1 << 22];
        Random random = new Random(1);
        for (int i = 0; i < some.length; i++) {
            some[i] = Bfloat16.of((float) random.nextGaussian());
        }
        DevicePointer pointer = memory.allocate("random numbers", count * CudaTensor.BF16);
        for (long from = 0; from < count; from += some.length) {
            JCudaDriver.cuMemcpyHtoD(
                    pointer.withByteOffset(from * CudaTensor.BF16),
                    Pointer.to(some),
                    Math.min(some.length, count - from) * CudaTensor.BF16);
        }
        DeviceMemory.awaitWrites();
        return pointer;
    }
}
