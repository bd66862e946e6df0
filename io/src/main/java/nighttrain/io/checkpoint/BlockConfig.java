package nighttrain.io.checkpoint;

import java.util.List;

/**
 * What attention and MLP of every layer are made of; orthogonal to how an {@link ArchitectureConfig} wires them.
 *
 * @param norm the norm before attention, before the MLP and before the head
 * @param normEpsilon its epsilon
 * @param mlp the MLP
 * @param rotary rotary positions; a model of learned positions turns no dimension
 * @param qkvBias biases on the query, key and value projections
 * @param outputBias a bias on the attention's output projection
 * @param mlpBias biases on the MLP's projections
 * @param headBias a bias on the logits
 * @param qkNorm an RMSNorm per head on queries and keys, before RoPE (Qwen 3)
 * @param windows per layer, how many of the latest positions attention sees, the token itself included; 0 is all
 */
public record BlockConfig(
        Norm norm,
        double normEpsilon,
        Mlp mlp,
        Rotary rotary,
        boolean qkvBias,
        boolean outputBias,
        boolean mlpBias,
        boolean headBias,
        boolean qkNorm,
        List<Integer> windows) {
    public BlockConfig {
        windows = List.copyOf(windows);
    }

    /** Kinds of norm. */
    public enum Norm {
        /** RMSNorm (arXiv 1910.07467). */
        RMS,
        /** LayerNorm with weight and bias (arXiv 1607.06450). */
        LAYER
    }

    /** Kinds of MLP. */
    public enum Mlp {
        /** {@code down(silu(gate(x)) * up(x))} (SwiGLU, arXiv 2002.05202). */
        GATED_SILU,
        /** {@code down(gelu(up(x)))}, with the tanh form of GELU (arXiv 1606.08415). */
        GELU_TANH
    }

    /**
     * Rotary position embedding (arXiv 2104.09864).
     *
     * @param dims leading dimensions of a head that are turned by position; 0 where positions are learned instead
     * @param theta base of the frequencies
     * @param scaling how they are stretched
     */
    public record Rotary(int dims, double theta, RopeScaling scaling) {
        /** Positions are learned and added to the embedding. */
        public static Rotary none() {
            return new Rotary(0, 1, new RopeScaling.None());
        }
    }

    public boolean learnedPositions() {
        return rotary.dims() == 0;
    }
}
