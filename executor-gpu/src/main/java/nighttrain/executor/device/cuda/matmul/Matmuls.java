package nighttrain.executor.device.cuda.matmul;

import com.sun.jna.Pointer;
import com.sun.jna.ptr.PointerByReference;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import nighttrain.executor.device.cuda.driver.DeviceMemory;
import nighttrain.executor.device.cuda.driver.GpuTimer;
import nighttrain.executor.device.cuda.driver.Streams;
import nighttrain.executor.device.cuda.driver.Streams.Stream;
import nighttrain.executor.device.cuda.kernel.KernelModules;
import nighttrain.executor.device.cuda.matmul.MatmulPlan.Operands;
import nighttrain.executor.device.cuda.tensor.CudaTensor;
import nighttrain.io.spec.WeightFormat;

/**
 * {@code out[t] = x[t] W[t]^T + bias[t]}; operands in bf16, or in e4m3 with scales; fp32 accumulation. cuBLASLt computes the matmuls that {@link
 * FewRows} and {@link SplitMatmul} do not serve, strided over tracks. Its numbers of rows are rounded up to a few sizes, so that there are few plans;
 * the extra rows are never read. For sizes that recur (decode steps and full prefill steps) the algorithm is chosen by timing, for other sizes by
 * cuBLASLt's heuristic.
 *
 * <p>If results must not depend on the other rows in the batch, every matmul is cut into matmuls of a fixed number of rows, all with one
 * algorithm, which is the same on every run.
 */
public final class Matmuls implements AutoCloseable {
    private static final int TIMED_RUNS = 3;

    /** Steps of up to this many rows count as decode steps, whose sizes recur. */
    private static final int RECURRING_ROWS = 512;

    /** Rows of every matmul if results must not depend on the other rows. A smaller number makes decode faster and prefill slower. */
    private static final int DETERMINISTIC_ROWS = 256;

    private final CublasLt lt;
    private final Pointer handle;
    private final Pointer workspace;
    private final Streams streams;
    private final int largestStep;
    private final boolean deterministic;
    private final Fp8Operands fp8;
    private final FewRows fewRows;
    private final SplitMatmul split;
    private final KernelModules modules;
    private final Map<MatmulPlan.Shape, MatmulPlan> plans = new HashMap<>();

    public Matmuls(
            CublasLt lt,
            KernelModules modules,
            Streams streams,
            DeviceMemory memory,
            Fp8Operands fp8,
            FewRows fewRows,
            SplitMatmul split,
            int largestStep,
            boolean deterministic) {
        this.modules = modules;
        this.fp8 = fp8;
        this.fewRows = fewRows;
        this.split = split;
        this.deterministic = deterministic;
        this.lt = lt;
        this.streams = streams;
        this.largestStep = largestStep;
        PointerByReference made = new PointerByReference();
        int status = lt.cublasLtCreate(made);
        if (status != 0) {
            throw new IllegalStateException("cublasLtCreate failed: cuBLASLt status " + status);
        }
        this.handle = made.getValue();
        this.workspace = new Pointer(memory.allocate("workspace of matrix products", MatmulPlan.WORKSPACE_BYTES)
                .address());
    }

    /** Rows that a matmul of {@code rows} rows computes. */
    public int padded(int rows) {
        int unit = deterministic ? DETERMINISTIC_ROWS : rows <= 16 ? 1 : rows <= 64 ? 8 : rows <= 512 ? 16 : 128;
        return (rows + unit - 1) / unit * unit;
    }

    public void run(CudaTensor out, CudaTensor x, CudaMatrix matrix) {
        if (fewRows.serves(x, matrix)) {
            fewRows.run(out, rows(x, matrix), matrix);
            return;
        }
        if (split.serves(out, x, matrix)) {
            split.run(out, rows(x, matrix), matrix);
            return;
        }
        Optional<Fp8Operands.Operand> codes =
                matrix.format() == WeightFormat.FP8 ? Optional.of(fp8.quantized(x)) : Optional.empty();
        if (modules.isRehearsal()) { // timings of a rehearsal would choose at random
            return;
        }
        Stream stream = streams.main();
        int rows = Math.min(padded(x.rows()), Math.min(x.capacityRows(), out.capacityRows()));
        int piece = deterministic ? DETERMINISTIC_ROWS : rows;
        if (codes.isPresent()) {
            runFp8(out, x, codes.get(), matrix, rows, piece, stream);
            return;
        }
        MatmulPlan plan = plan(piece, out, x, matrix, new Operands(out.address(), x.address(), 0, matrix), stream);
        for (int from = 0; from < rows; from += piece) {
            plan.run(new Operands(out.addressOfRow(from), x.addressOfRow(from), 0, matrix), workspace, stream);
        }
    }

    /** Returns the rows of {@code x} in the number format of the matrix. */
    private Rows rows(CudaTensor x, CudaMatrix matrix) {
        return matrix.format() == WeightFormat.FP8 ? Rows.of(x, fp8.quantized(x)) : Rows.of(x);
    }

    /** Runs one matmul per track, since scales are not strided. */
    private void runFp8(
            CudaTensor out,
            CudaTensor x,
            Fp8Operands.Operand operand,
            CudaMatrix matrix,
            int rows,
            int piece,
            Stream stream) {
        for (int track = 0; track < matrix.tracks(); track++) {
            CudaMatrix weights = matrix.track(track);
            CudaTensor to = out.track(track);
            for (int from = 0; from < rows; from += piece) {
                Operands at = new Operands(
                        to.addressOfRow(from), operand.codesOf(track, from), operand.scalesOf(track, from), weights);
                plan(piece, to, x, weights, at, stream).run(at, workspace, stream);
            }
        }
    }

    private MatmulPlan plan(int rows, CudaTensor out, CudaTensor x, CudaMatrix matrix, Operands at, Stream stream) {
        boolean strided = matrix.tracks() > 1;
        MatmulPlan.Shape shape = new MatmulPlan.Shape(
                rows,
                matrix.outputs(),
                matrix.inputs(),
                matrix.tracks(),
                strided ? x.trackStride() : 0,
                strided ? out.trackStride() : 0,
                out.elementBytes(),
                matrix.biasAddress() != 0,
                matrix.format());
        MatmulPlan known = plans.get(shape);
        if (known != null) {
            return known;
        }
        MatmulPlan plan = new MatmulPlan(lt, handle, shape);
        plans.put(shape, plan);
        plan.point(at);
        if (!deterministic && (rows <= RECURRING_ROWS || rows >= largestStep)) {
            plan.choose(
                    candidate -> GpuTimer.leastSeconds(stream, TIMED_RUNS, () -> candidate.run(at, workspace, stream)));
        } else {
            plan.chooseUntimed();
        }
        return plan;
    }

    @Override
    public void close() {
        plans.values().forEach(MatmulPlan::close);
        lt.cublasLtDestroy(handle);
    }
}
