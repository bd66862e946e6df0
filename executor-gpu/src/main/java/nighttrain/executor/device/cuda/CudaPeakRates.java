package nighttrain.executor.device.cuda;

import java.util.Random;
import jcuda.Pointer;
import jcuda.driver.JCudaDriver;
import nighttrain.executor.device.Device.PeakRates;
import nighttrain.executor.device.cuda.driver.CudaContext;
import nighttrain.executor.device.cuda.driver.DeviceMemory;
import nighttrain.executor.device.cuda.driver.DeviceMemory.DevicePointer;
import nighttrain.executor.device.cuda.driver.GpuTimer;
import nighttrain.executor.device.cuda.driver.Streams;
import nighttrain.executor.device.cuda.kernel.KernelModules;
import nighttrain.executor.device.cuda.matmul.CudaMatrix;
import nighttrain.executor.device.cuda.matmul.FewRows;
import nighttrain.executor.device.cuda.matmul.Fp8Operands;
import nighttrain.executor.device.cuda.matmul.Matmuls;
import nighttrain.executor.device.cuda.matmul.SplitMatmul;
import nighttrain.executor.device.cuda.tensor.CudaTensor;
import nighttrain.io.checkpoint.Bfloat16;

/** Measures a GPU's copy rate and its bf16 matrix rate, the best of a few runs each. */
final class CudaPeakRates implements AutoCloseable {
    private static final long COPY_BYTES = 1L << 30;
    private static final int SIDE = 8192;
    private static final int RUNS = 10;

    private final CudaContext context;
    private final DeviceMemory memory = new DeviceMemory();
    private final Streams streams;
    private final Matmuls matmuls;

    CudaPeakRates(CudaContext context, CudaLibraries libraries) {
        this.context = context;
        context.makeCurrent();
        this.streams = new Streams();
        KernelModules modules = new KernelModules(libraries.compiler(context.architecture()));
        this.matmuls = new Matmuls(
                libraries.cublasLt(),
                modules,
                streams,
                memory,
                new Fp8Operands(modules, streams, memory),
                new FewRows(context, modules, streams, false),
                new SplitMatmul(context, modules, streams, false),
                SIDE,
                false);
    }

    PeakRates measure() {
        DevicePointer from = memory.allocate("copy", COPY_BYTES);
        DevicePointer to = memory.allocate("copy", COPY_BYTES);
        double copy = GpuTimer.leastSeconds(
                streams.main(), RUNS, () -> JCudaDriver.cuMemcpyDtoDAsync(to, from, COPY_BYTES, streams.main()));
        CudaTensor x = square(random());
        CudaTensor out = square(memory.allocate("matmul", (long) SIDE * SIDE * CudaTensor.BF16));
        CudaMatrix matrix = CudaMatrix.plain(1, SIDE, SIDE, random().address());
        double matmul = GpuTimer.leastSeconds(streams.main(), RUNS, () -> matmuls.run(out, x, matrix));
        return new PeakRates(2 * COPY_BYTES / copy, 2.0 * SIDE * SIDE * SIDE / matmul);
    }

    private DevicePointer random() {
        short[] values = new short[SIDE * SIDE];
        Random random = new Random(1);
        short[] some = new short[1 << 16];
        for (int i = 0; i < some.length; i++) {
            some[i] = Bfloat16.of((float) random.nextGaussian());
        }
        for (int i = 0; i < values.length; i += some.length) {
            System.arraycopy(some, 0, values, i, some.length);
        }
        DevicePointer pointer = memory.allocate("matmul", (long) values.length * CudaTensor.BF16);
        JCudaDriver.cuMemcpyHtoD(pointer, Pointer.to(values), (long) values.length * CudaTensor.BF16);
        return pointer;
    }

    private static CudaTensor square(DevicePointer base) {
        return new CudaTensor(base, 0, 0, 1, SIDE, SIDE, SIDE, (long) SIDE * SIDE, CudaTensor.BF16);
    }

    @Override
    public void close() {
        streams.synchronize();
        matmuls.close();
        memory.close();
        streams.close();
        context.close(false);
    }
}
