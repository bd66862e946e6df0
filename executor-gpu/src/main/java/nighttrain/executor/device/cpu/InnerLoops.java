package nighttrain.executor.device.cpu;

import com.sun.management.HotSpotDiagnosticMXBean;
import java.lang.management.ManagementFactory;

/**
 * The loops that take most of the CPU's time. The two implementations give the same bits: every result is a chain of operations that are rounded
 * exactly, in an order that this interface fixes. It depends neither on the width of the machine's vectors nor on how bytecode is run.
 *
 * <p>{@link VectorLoops} is several times faster where HotSpot's C2 compiles it. Elsewhere every vector operation is a call that
 * allocates, thousands of times slower than {@link PlainLoops}, which also runs without the module {@code jdk.incubator.vector}.
 */
sealed interface InnerLoops permits VectorLoops, PlainLoops {
    /** The implementation that this process uses. It is a constant, so that the choice costs nothing per call. */
    InnerLoops CHOSEN = vectorsAreCompiled() ? new VectorLoops() : new PlainLoops();

    /** Outputs in one panel of weights, see {@link CpuMatrix}. */
    int panel();

    /**
     * Multiplies {@code rows} rows by one panel: {@code out[o + r * outStride + c] = bias[b + c] + x[from + r * xStride] * panel[c] + ...} for {@code
     * c < kept}, one chain of fused multiply-adds over the inputs in order.
     */
    void product(
            float[] out,
            int o,
            int outStride,
            int kept,
            float[] x,
            int from,
            int xStride,
            int rows,
            float[] panel,
            int inputs,
            float[] bias,
            int b);

    /** {@code x[from] + ... + x[from + count - 1]}, as {@link FixedSums#of}. */
    float sum(float[] x, int from, int count);

    /** {@code x[from]^2 + ... + x[from + count - 1]^2}, as {@link FixedSums#ofSquares}. */
    float sumOfSquares(float[] x, int from, int count);

    /** {@code out = x * factor * weight}; {@code out} may be {@code x}. */
    void scale(float[] out, int o, float[] x, int from, int count, float factor, float[] weight, int w);

    /** {@code out = silu(gate) * up}, where {@code up} follows {@code gate} in {@code x}. */
    void siluMul(float[] out, int o, float[] x, int gate, int cols);

    /** {@code x = x * sigmoid(gates)}; {@code gates} may be {@code x}: the result is then SiLU. */
    void sigmoidMul(float[] x, int from, float[] gates, int g, int cols);

    /** GELU in place, by its approximation with tanh. */
    void gelu(float[] x, int from, int cols);

    /** {@code x = cap * tanh(x / cap)}. */
    void softCap(float[] x, int from, int cols, float cap);

    /** {@code scores[s + j] = scale * (q . k_j)} for {@code j < positions}, a multiple of 16; keys are {@code [dim][position]}. */
    void dotKeys(
            float[] scores, int s, float[] query, int q, float[] keys, int k, int positions, int headDim, float scale);

    /** {@code weights = exp(weights - max)}; returns their sum. {@code length} is a multiple of 16. */
    float exponentials(float[] weights, int length);

    /** {@code out += sum over j < positions of weights[w + j] * v_j}; values are {@code [position][dim]}. */
    void addValues(float[] out, int o, float[] weights, int w, int positions, float[] values, int v, int headDim);

    private static boolean vectorsAreCompiled() {
        return ModuleLayer.boot().findModule("jdk.incubator.vector").isPresent()
                && !System.getProperty("java.vm.info", "").contains("interpreted mode")
                && !System.getProperty("java.vm.info", "").contains("emulated-client")
                && highestTier() == 4;
    }

    /** Returns the highest compilation tier: 4 is C2; 0 if the virtual machine is not HotSpot. */
    private static int highestTier() {
        try {
            return Integer.parseInt(ManagementFactory.getPlatformMXBean(HotSpotDiagnosticMXBean.class)
                    .getVMOption("TieredStopAtLevel")
                    .getValue());
        } catch (IllegalArgumentException | NullPointerException e) {
            return 0;
        }
    }
}
