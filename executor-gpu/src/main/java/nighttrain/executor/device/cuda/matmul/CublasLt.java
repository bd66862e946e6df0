package nighttrain.executor.device.cuda.matmul;

import com.sun.jna.Library;
import com.sun.jna.Pointer;
import com.sun.jna.ptr.IntByReference;
import com.sun.jna.ptr.PointerByReference;

/** NVIDIA's library of matmuls; functions and constants as in cublasLt.h. */
public interface CublasLt extends Library {
    int COMPUTE_32F = 68;
    int TYPE_FP32 = 0;
    int TYPE_BF16 = 14;
    int TYPE_E4M3 = 28;

    int DESC_TRANSA = 3;
    int DESC_EPILOGUE = 7;
    int DESC_BIAS_POINTER = 8;
    int DESC_BIAS_BATCH_STRIDE = 10;
    int DESC_A_SCALE_POINTER = 17;
    int DESC_B_SCALE_POINTER = 18;
    int DESC_FAST_ACCUMULATION = 25;
    int DESC_BIAS_TYPE = 26;
    int DESC_A_SCALE_MODE = 31;
    int DESC_B_SCALE_MODE = 32;
    int EPILOGUE_BIAS = 4;
    int TRANSPOSED = 1;

    /** A scale for every row of A^T, or for every column of B. */
    int SCALE_OUTER_VECTOR = 3;

    /** The first version with {@link #SCALE_OUTER_VECTOR}. */
    long OUTER_VECTOR_SINCE = 120_900;

    int LAYOUT_BATCH_COUNT = 5;
    int LAYOUT_BATCH_STRIDE = 6;

    int PREFERENCE_MAX_WORKSPACE = 1;

    /** Bytes of one cublasLtMatmulHeuristicResult_t, whose first part is the algorithm. */
    int RESULT_BYTES = 96;

    /** Returns the version; 130001 is 13.0.1. */
    long cublasLtGetVersion();

    int cublasLtCreate(PointerByReference handle);

    int cublasLtDestroy(Pointer handle);

    int cublasLtMatmulDescCreate(PointerByReference desc, int computeType, int scaleType);

    int cublasLtMatmulDescSetAttribute(Pointer desc, int attribute, Pointer value, long bytes);

    int cublasLtMatrixLayoutCreate(PointerByReference layout, int type, long rows, long cols, long leadingDimension);

    int cublasLtMatrixLayoutSetAttribute(Pointer layout, int attribute, Pointer value, long bytes);

    int cublasLtMatmulPreferenceCreate(PointerByReference preference);

    int cublasLtMatmulPreferenceSetAttribute(Pointer preference, int attribute, Pointer value, long bytes);

    int cublasLtMatmulPreferenceDestroy(Pointer preference);

    int cublasLtMatmulDescDestroy(Pointer desc);

    int cublasLtMatrixLayoutDestroy(Pointer layout);

    int cublasLtMatmulAlgoGetHeuristic(
            Pointer handle,
            Pointer desc,
            Pointer a,
            Pointer b,
            Pointer c,
            Pointer d,
            Pointer preference,
            int requested,
            Pointer results,
            IntByReference returned);

    int cublasLtMatmul(
            Pointer handle,
            Pointer desc,
            Pointer alpha,
            Pointer a,
            Pointer aLayout,
            Pointer b,
            Pointer bLayout,
            Pointer beta,
            Pointer c,
            Pointer cLayout,
            Pointer d,
            Pointer dLayout,
            Pointer algorithm,
            Pointer workspace,
            long workspaceBytes,
            Pointer stream);
}
