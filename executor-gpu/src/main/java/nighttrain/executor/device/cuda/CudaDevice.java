package nighttrain.executor.device.cuda;

import java.util.Optional;
import java.util.function.Consumer;
import java.util.function.Supplier;
import jcuda.CudaException;
import jcuda.driver.JCudaDriver;
import nighttrain.executor.cache.CacheLayout;
import nighttrain.executor.device.Communicator;
import nighttrain.executor.device.Device;
import nighttrain.executor.device.Device.DeviceLostException;
import nighttrain.executor.device.Device.GraphRecorder;
import nighttrain.executor.device.ExpertOps;
import nighttrain.executor.device.Matrix;
import nighttrain.executor.device.Ops;
import nighttrain.executor.device.Ops.KvPages;
import nighttrain.executor.device.RecurrentOps;
import nighttrain.executor.device.Sampler;
import nighttrain.executor.device.StepIo;
import nighttrain.executor.device.Tensor;
import nighttrain.executor.device.cuda.CudaAttention.CudaKvPages;
import nighttrain.executor.device.cuda.collective.CudaCommunicator;
import nighttrain.executor.device.cuda.collective.PeerGroup;
import nighttrain.executor.device.cuda.driver.CudaContext;
import nighttrain.executor.device.cuda.driver.CudaGraphRecorder;
import nighttrain.executor.device.cuda.driver.DeviceMemory;
import nighttrain.executor.device.cuda.driver.DeviceMemory.DevicePointer;
import nighttrain.executor.device.cuda.driver.Streams;
import nighttrain.executor.device.cuda.kernel.KernelModules;
import nighttrain.executor.device.cuda.matmul.CublasLt;
import nighttrain.executor.device.cuda.matmul.CudaMatrix;
import nighttrain.executor.device.cuda.matmul.FewRows;
import nighttrain.executor.device.cuda.matmul.Fp8Operands;
import nighttrain.executor.device.cuda.matmul.FusedSwiGlu;
import nighttrain.executor.device.cuda.matmul.GroupedMatmul;
import nighttrain.executor.device.cuda.matmul.HopperGroupedMatmul;
import nighttrain.executor.device.cuda.matmul.Matmuls;
import nighttrain.executor.device.cuda.matmul.SplitMatmul;
import nighttrain.executor.device.cuda.recurrent.CudaRecurrentOps;
import nighttrain.executor.device.cuda.step.SampleResults;
import nighttrain.executor.device.cuda.step.StepInputs;
import nighttrain.executor.device.cuda.step.StepTurns;
import nighttrain.executor.device.cuda.tensor.CudaTensor;
import nighttrain.executor.device.cuda.tensor.HostCopies;
import nighttrain.executor.device.cuda.tensor.WeightUpload;
import nighttrain.executor.step.StepLimits;
import nighttrain.io.UserError;
import nighttrain.io.spec.KvFormat;
import nighttrain.io.spec.WeightFormat;

/** One NVIDIA GPU as one rank sees it. */
final class CudaDevice implements Device {
    private static final int ALIGNMENT = 8;

    /** Compute capability from which cuBLASLt has matmuls of operands with a scale for every row. */
    private static final int FP8_CAPABILITY = 90;

    private final CudaContext context;
    private final DeviceMemory memory = new DeviceMemory();
    private final Streams streams;
    private final KernelModules modules;
    private final CublasLt cublasLt;
    private final int maxTokens;
    private final Fp8Operands fp8;
    private final Matmuls matmuls;
    private final CudaStep step;
    private final CudaOps ops;
    private final CudaExperts experts;
    private final CudaRecurrentOps recurrent;
    private final CudaCommunicator communicator;
    private final CudaGraphRecorder recorder;
    private final WeightUpload upload;
    private final CacheLayout layout;
    private int allocations;
    private boolean closed;

    CudaDevice(
            int rank,
            CudaContext context,
            PeerGroup peers,
            CudaLibraries libraries,
            StepLimits limits,
            CacheLayout layout,
            CudaOptions options) {
        this.context = context;
        this.layout = layout;
        context.makeCurrent();
        this.streams = new Streams();
        this.modules = new KernelModules(libraries.compiler(context.architecture()));
        this.cublasLt = libraries.cublasLt();
        this.maxTokens = limits.maxTokens();
        this.fp8 = new Fp8Operands(modules, streams, memory);
        FewRows fewRows = new FewRows(context, modules, streams, !options.deterministic());
        this.matmuls = new Matmuls(
                cublasLt,
                modules,
                streams,
                memory,
                fp8,
                fewRows,
                new SplitMatmul(context, modules, streams, !options.deterministic()),
                maxTokens,
                options.deterministic());
        CudaNorms norms = new CudaNorms(modules, streams, fp8);
        this.communicator = new CudaCommunicator(rank, peers, modules, streams, memory, norms, options.skipAllReduce());
        this.recorder = new CudaGraphRecorder(streams);
        this.upload = new WeightUpload(context, streams, memory);
        SampleResults results = new SampleResults(limits.maxSamples(), peers.ranks(), memory);
        StepInputs inputs = new StepInputs(limits, layout, memory, modules, results);
        CudaAttention attention = new CudaAttention(
                context, modules, streams, inputs, limits, layout.pageTokens(), memory, options.deterministic());
        this.recurrent =
                new CudaRecurrentOps(context, modules, streams, inputs, limits, memory, fp8, options.deterministic());
        this.experts = new CudaExperts(
                modules, streams, memory, inputs, fp8, new GroupedMatmul(context, modules, streams, fp8), maxTokens);
        this.step =
                new CudaStep(context, modules, streams, inputs, attention, recurrent, results, communicator, experts);
        this.ops = new CudaOps(
                modules,
                streams,
                inputs,
                layout.pageTokens(),
                fp8,
                norms,
                matmuls,
                fewRows,
                new FusedSwiGlu(context, modules, streams, !options.deterministic()),
                attention);
    }

    @Override
    public Ops ops() {
        return ops;
    }

    @Override
    public Optional<ExpertOps> expertOps() {
        return Optional.of(experts);
    }

    @Override
    public Optional<RecurrentOps> recurrentOps() {
        return Optional.of(recurrent);
    }

    @Override
    public Sampler sampler() {
        return step;
    }

    @Override
    public StepIo stepIo() {
        return step;
    }

    @Override
    public Communicator communicator() {
        return communicator;
    }

    /** Returns none if {@code CUDA_LAUNCH_BLOCKING} asks for the kernel of a fault. */
    @Override
    public Optional<GraphRecorder> recorder() {
        return GpuFault.LAUNCHES_BLOCK ? Optional.empty() : Optional.of(recorder);
    }

    /** Returns 1: a step is planned and enqueued while the one before runs. */
    @Override
    public int stepsAhead() {
        return StepTurns.COUNT - 1;
    }

    @Override
    public Tensor tensor(String role, int tracks, int rows, int cols) {
        return allocate(role, tracks, rows, cols, CudaTensor.BF16);
    }

    @Override
    public Tensor logits(String role, int tracks, int rows, int cols) {
        return allocate(role, tracks, rows, cols, CudaTensor.FP32);
    }

    /** Allocates as many rows as matmuls compute. */
    private CudaTensor allocate(String role, int tracks, int rows, int cols, int elementBytes) {
        context.makeCurrent();
        int capacity = matmuls.padded(rows);
        long stride = ((long) capacity * cols + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
        DevicePointer base = memory.allocate(role, tracks * stride * elementBytes);
        return new CudaTensor(base, allocations++, 0, tracks, rows, cols, capacity, stride, elementBytes);
    }

    @Override
    public Tensor constant(String role, int tracks, int rows, int cols, float[] values) {
        context.makeCurrent();
        DevicePointer base = memory.allocate(role, (long) values.length * Float.BYTES);
        HostCopies.write(base, values);
        return new CudaTensor(base, allocations++, 0, tracks, rows, cols, rows, (long) rows * cols, CudaTensor.FP32);
    }

    @Override
    public Tensor table(String role, int rows, int cols, Matrix.Rows values) {
        context.makeCurrent();
        DevicePointer base = memory.allocate(role, (long) rows * cols * CudaTensor.BF16);
        upload.run(base, 1, rows, cols, values);
        return new CudaTensor(base, allocations++, 0, 1, rows, cols, rows, (long) rows * cols, CudaTensor.BF16);
    }

    @Override
    public Matrix matrix(
            String role,
            int tracks,
            int outputs,
            int inputs,
            Matrix.Rows rows,
            Optional<float[]> bias,
            WeightFormat format) {
        context.makeCurrent();
        if (format == WeightFormat.FP8) {
            requireFp8();
            fp8.reserve(tracks, matmuls.padded(maxTokens), inputs);
        }
        CudaMatrix matrix = format == WeightFormat.FP8
                ? fp8Matrix(role, tracks, outputs, inputs, rows)
                : plainMatrix(role, tracks, outputs, inputs, rows);
        return bias.map(values -> biased(role, matrix, values)).orElse(matrix);
    }

    /** Loads weights of experts. Only Hopper GPUs have a kernel for experts in 8 bits. */
    @Override
    public Matrix experts(
            String role,
            int slabs,
            int outputs,
            int inputs,
            Matrix.Rows rows,
            Optional<float[]> bias,
            WeightFormat format) {
        if (format == WeightFormat.PLAIN) {
            return matrix(role, slabs, outputs, inputs, rows, bias, format);
        }
        if (!context.isHopper()) {
            throw UserError.of(
                    "no 8-bit matmuls of experts on this GPU",
                    context.architecture(),
                    "sm_90 (Hopper) has them; use --quantization none");
        }
        if (slabs > HopperGroupedMatmul.MOST_EXPERTS) {
            throw UserError.of(
                    "too many experts in 8 bits on a GPU",
                    slabs,
                    "at most " + HopperGroupedMatmul.MOST_EXPERTS + "; use more --ranks or --quantization none");
        }
        context.makeCurrent();
        CudaMatrix matrix = fp8Matrix(role, slabs, outputs, inputs, rows);
        return bias.map(values -> biased(role, matrix, values)).orElse(matrix);
    }

    private CudaMatrix plainMatrix(String role, int tracks, int outputs, int inputs, Matrix.Rows rows) {
        DevicePointer base = memory.allocate(role, (long) tracks * outputs * inputs * CudaTensor.BF16);
        upload.run(base, tracks, outputs, inputs, rows);
        return CudaMatrix.plain(tracks, outputs, inputs, base.address());
    }

    private CudaMatrix fp8Matrix(String role, int tracks, int outputs, int inputs, Matrix.Rows rows) {
        DevicePointer base = memory.allocate(role, (long) tracks * outputs * inputs);
        DevicePointer scales = memory.allocate(role + ", scales", (long) tracks * outputs * Float.BYTES);
        upload.runE4m3(base, scales, tracks, outputs, inputs, rows);
        return new CudaMatrix(tracks, outputs, inputs, WeightFormat.FP8, base.address(), scales.address(), 0, 0);
    }

    private void requireFp8() {
        if (context.computeCapability() < FP8_CAPABILITY) {
            throw UserError.of(
                    "no 8-bit matmuls on this GPU",
                    context.architecture(),
                    "sm_90 (Hopper) or newer has those of a scale for every row; use --quantization none");
        }
        if (cublasLt.cublasLtGetVersion() < CublasLt.OUTER_VECTOR_SINCE) {
            throw UserError.of(
                    "no 8-bit matmuls in this cuBLASLt",
                    cublasLt.cublasLtGetVersion(),
                    "version " + CublasLt.OUTER_VECTOR_SINCE
                            + " (CUDA 12.9) is needed; install a newer CUDA, or use --quantization none");
        }
    }

    private CudaMatrix biased(String role, CudaMatrix matrix, float[] bias) {
        DevicePointer biases = memory.allocate(role + ", bias", (long) bias.length * CudaTensor.BF16);
        HostCopies.writeRounded(biases, bias);
        CudaTensor exact = (CudaTensor) constant(role + ", bias", matrix.tracks(), 1, matrix.outputs(), bias);
        return matrix.withBias(biases.address(), exact.address());
    }

    @Override
    public <T> T load(Supplier<T> loading, Consumer<T> steps) {
        return upload.behind(() -> {
            T loaded = loading.get();
            modules.rehearse(() -> steps.accept(loaded));
            return loaded;
        });
    }

    @Override
    public KvPages kvPages(
            String role, int group, int tracks, int pages, int pageTokens, int kvHeads, int headDim, KvFormat format) {
        context.makeCurrent();
        if (pageTokens != layout.pageTokens()) {
            throw new IllegalArgumentException(
                    "tokens in a page: " + pageTokens + " (this device was opened for " + layout.pageTokens() + ")");
        }
        return CudaKvPages.allocated(memory, role, group, pages, tracks * kvHeads, pageTokens, headDim, format);
    }

    @Override
    public void write(Tensor tensor, float[] values) {
        fp8.forget();
        streams.synchronize();
        HostCopies.write((CudaTensor) tensor, values);
    }

    @Override
    public float[] read(Tensor tensor) {
        streams.synchronize();
        return HostCopies.read((CudaTensor) tensor);
    }

    @Override
    public RuntimeException explained(RuntimeException failure) {
        return GpuFault.explained(failure);
    }

    /** Releases the peers that wait for this rank, then frees everything. */
    @Override
    public synchronized void close() {
        communicator.abort();
        if (closed) {
            return;
        }
        closed = true;
        context.makeCurrent();
        boolean broken = false;
        try {
            streams.synchronize();
        } catch (CudaException e) {
            broken = true;
        }
        if (!broken) {
            recorder.close();
        }
        communicator.leave();
        experts.close();
        if (!broken) {
            step.close();
            matmuls.close();
            modules.close();
            memory.close();
            streams.close();
        }
        context.close(broken);
    }

    /**
     * Explains faults inside kernels. CUDA reports such a fault at a later, unrelated call. {@code CUDA_LAUNCH_BLOCKING=1} makes every launch
     * wait for its kernel, so that the launch itself fails.
     */
    static final class GpuFault {
        /** If set, no graphs are captured: a failure in a graph does not name its kernel. */
        static final boolean LAUNCHES_BLOCK = "1".equals(System.getenv("CUDA_LAUNCH_BLOCKING"));

        private GpuFault() {}

        /** Returns {@code failure}, or if the context is broken an exception that says so and how to find the kernel. */
        static RuntimeException explained(RuntimeException failure) {
            if (!isContextBroken()) {
                return failure;
            }
            String message = LAUNCHES_BLOCK
                    ? failure.getMessage()
                    : "a kernel failed: " + failure.getMessage()
                            + " (found out late; CUDA_LAUNCH_BLOCKING=1 in the environment names the kernel)";
            return new DeviceLostException(message, failure);
        }

        /** After a fault in a kernel every call to its context fails. */
        private static boolean isContextBroken() {
            try {
                JCudaDriver.cuMemGetInfo(new long[1], new long[1]);
                return false;
            } catch (CudaException e) {
                return true;
            }
        }
    }
}
