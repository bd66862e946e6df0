package nighttrain.executor.device.cuda.matmul;

import com.sun.jna.Memory;
import com.sun.jna.Pointer;
import com.sun.jna.ptr.IntByReference;
import com.sun.jna.ptr.PointerByReference;
import java.util.ArrayList;
import java.util.List;
import java.util.function.ToDoubleFunction;
import nighttrain.executor.device.cuda.driver.Streams.Stream;
import nighttrain.executor.device.cuda.tensor.CudaTensor;
import nighttrain.io.spec.WeightFormat;

/**
 * How a matmul of one shape runs: cuBLASLt's descriptors and the chosen algorithm. cuBLASLt is column-major, the engine row-major, so cuBLASLt
 * computes {@code out^T = W^T^T x^T}, with W transposed.
 */
public final class MatmulPlan implements AutoCloseable {
    static final long WORKSPACE_BYTES = 64L << 20;
    private static final int CANDIDATES = 24;

    /**
     * Most inputs of a fast matmul in 8 bits. Tensor cores sum products of 8 bits in fewer bits than fp32. Longer sums are moved to fp32 in between,
     * which is slower: otherwise results of 14,336 inputs are off by 0.36 % in the mean, rounding included.
     */
    private static final int MOST_FAST_INPUTS = 4096;

    private static final Memory ONE = scalar(1f);
    private static final Memory ZERO = scalar(0f);

    /**
     * @param rows rows of x and out
     * @param tracks matmuls in one strided batch
     * @param outBytes size of an element of out
     * @param format of weights and x
     */
    record Shape(
            int rows,
            int outputs,
            int inputs,
            int tracks,
            long inStride,
            long outStride,
            int outBytes,
            boolean hasBias,
            WeightFormat format) {}

    private final CublasLt lt;
    private final Pointer handle;
    private final Shape shape;
    private final Pointer desc;
    private final Pointer weights;
    private final Pointer x;
    private final Pointer out;
    private final Memory attribute = new Memory(Long.BYTES);
    private Pointer algorithm = Pointer.NULL;

    MatmulPlan(CublasLt lt, Pointer handle, Shape shape) {
        this.lt = lt;
        this.handle = handle;
        this.shape = shape;
        PointerByReference made = new PointerByReference();
        check(lt.cublasLtMatmulDescCreate(made, CublasLt.COMPUTE_32F, CublasLt.TYPE_FP32), "cublasLtMatmulDescCreate");
        this.desc = made.getValue();
        set(CublasLt.DESC_TRANSA, CublasLt.TRANSPOSED);
        if (shape.hasBias) {
            set(CublasLt.DESC_EPILOGUE, CublasLt.EPILOGUE_BIAS);
            set(CublasLt.DESC_BIAS_TYPE, outType());
            set(CublasLt.DESC_BIAS_BATCH_STRIDE, (long) shape.outputs);
        }
        long matrix = (long) shape.inputs * shape.outputs;
        int type = shape.format == WeightFormat.FP8 ? CublasLt.TYPE_E4M3 : CublasLt.TYPE_BF16;
        if (shape.format == WeightFormat.FP8) {
            set(CublasLt.DESC_A_SCALE_MODE, CublasLt.SCALE_OUTER_VECTOR);
            set(CublasLt.DESC_B_SCALE_MODE, CublasLt.SCALE_OUTER_VECTOR);
            set(CublasLt.DESC_FAST_ACCUMULATION, (byte) (shape.inputs <= MOST_FAST_INPUTS ? 1 : 0));
        }
        this.weights = layout(type, shape.inputs, shape.outputs, matrix);
        this.x = layout(type, shape.inputs, shape.rows, shape.inStride);
        this.out = layout(outType(), shape.outputs, shape.rows, shape.outStride);
    }

    /** Returns the type of out and of the bias, which cuBLASLt requires to be equal. */
    private int outType() {
        return shape.outBytes == CudaTensor.BF16 ? CublasLt.TYPE_BF16 : CublasLt.TYPE_FP32;
    }

    private static Memory scalar(float value) {
        Memory memory = new Memory(Float.BYTES);
        memory.setFloat(0, value);
        return memory;
    }

    private void set(int attribute, int value) {
        Memory memory = new Memory(Integer.BYTES);
        memory.setInt(0, value);
        check(
                lt.cublasLtMatmulDescSetAttribute(desc, attribute, memory, Integer.BYTES),
                "setting a product's attribute");
    }

    private void set(int which, byte value) {
        attribute.setByte(0, value);
        check(lt.cublasLtMatmulDescSetAttribute(desc, which, attribute, Byte.BYTES), "setting a product's attribute");
    }

    private void set(int which, long value) {
        attribute.setLong(0, value);
        check(lt.cublasLtMatmulDescSetAttribute(desc, which, attribute, Long.BYTES), "setting a product's attribute");
    }

    private Pointer layout(int type, long rows, long cols, long stride) {
        PointerByReference made = new PointerByReference();
        check(lt.cublasLtMatrixLayoutCreate(made, type, rows, cols, rows), "cublasLtMatrixLayoutCreate");
        if (shape.tracks > 1) {
            Memory value = new Memory(Long.BYTES);
            value.setInt(0, shape.tracks);
            lt.cublasLtMatrixLayoutSetAttribute(made.getValue(), CublasLt.LAYOUT_BATCH_COUNT, value, Integer.BYTES);
            value.setLong(0, stride);
            lt.cublasLtMatrixLayoutSetAttribute(made.getValue(), CublasLt.LAYOUT_BATCH_STRIDE, value, Long.BYTES);
        }
        return made.getValue();
    }

    /** Chooses the candidate that costs least; {@code cost} runs the plan with the current candidate. */
    void choose(ToDoubleFunction<MatmulPlan> cost) {
        List<Pointer> candidates = candidates();
        double least = Double.POSITIVE_INFINITY;
        Pointer best = candidates.get(0);
        for (Pointer candidate : candidates) {
            algorithm = candidate;
            double seconds = candidates.size() == 1 ? 0 : cost.applyAsDouble(this);
            if (seconds < least) {
                least = seconds;
                best = candidate;
            }
        }
        algorithm = best;
    }

    /** Chooses the algorithm that cuBLASLt ranks first. */
    void chooseUntimed() {
        algorithm = candidates().get(0);
    }

    private List<Pointer> candidates() {
        PointerByReference preference = new PointerByReference();
        check(lt.cublasLtMatmulPreferenceCreate(preference), "cublasLtMatmulPreferenceCreate");
        Memory bytes = new Memory(Long.BYTES);
        bytes.setLong(0, WORKSPACE_BYTES);
        lt.cublasLtMatmulPreferenceSetAttribute(
                preference.getValue(), CublasLt.PREFERENCE_MAX_WORKSPACE, bytes, Long.BYTES);
        Memory results = new Memory((long) CublasLt.RESULT_BYTES * CANDIDATES);
        IntByReference found = new IntByReference();
        int status = lt.cublasLtMatmulAlgoGetHeuristic(
                handle, desc, weights, x, out, out, preference.getValue(), CANDIDATES, results, found);
        lt.cublasLtMatmulPreferenceDestroy(preference.getValue());
        if (status != 0 || found.getValue() == 0) {
            throw new IllegalStateException(
                    "no algorithm for a product: " + shape + " (cuBLASLt status " + status + ")");
        }
        List<Pointer> candidates = new ArrayList<>();
        for (int i = 0; i < found.getValue(); i++) {
            candidates.add(results.share((long) i * CublasLt.RESULT_BYTES));
        }
        return candidates;
    }

    /** Addresses of a matmul's operands; scales only for operands in 8 bits. */
    record Operands(long out, long x, long xScales, CudaMatrix matrix) {}

    /** Sets the attributes for these operands that the choice of an algorithm may read and the next matmul needs. */
    void point(Operands at) {
        if (shape.hasBias) {
            set(
                    CublasLt.DESC_BIAS_POINTER,
                    outType() == CublasLt.TYPE_BF16 ? at.matrix.biasAddress() : at.matrix.biasFp32Address());
        }
        if (shape.format == WeightFormat.FP8) {
            set(CublasLt.DESC_A_SCALE_POINTER, at.matrix.scalesAddress());
            set(CublasLt.DESC_B_SCALE_POINTER, at.xScales);
        }
    }

    void run(Operands at, Pointer workspace, Stream stream) {
        point(at);
        Pointer to = new Pointer(at.out);
        check(
                lt.cublasLtMatmul(
                        handle,
                        desc,
                        ONE,
                        new Pointer(at.matrix.address()),
                        weights,
                        new Pointer(at.x),
                        x,
                        ZERO,
                        to,
                        out,
                        to,
                        out,
                        algorithm,
                        workspace,
                        WORKSPACE_BYTES,
                        stream.handle()),
                "matrix product " + shape);
    }

    private static void check(int status, String what) {
        if (status != 0) {
            throw new IllegalStateException(what + " failed: cuBLASLt status " + status);
        }
    }

    @Override
    public void close() {
        lt.cublasLtMatrixLayoutDestroy(weights);
        lt.cublasLtMatrixLayoutDestroy(x);
        lt.cublasLtMatrixLayoutDestroy(out);
        lt.cublasLtMatmulDescDestroy(desc);
    }
}
