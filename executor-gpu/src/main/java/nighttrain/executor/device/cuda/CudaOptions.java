package nighttrain.executor.device.cuda;

/**
 * How GPUs compute.
 *
 * @param skipSums leave out the sums over ranks, for the bound that communication is held against
 * @param deterministic the same operations in the same order for a token whatever else is in its step: products
 *     of one number of rows, one attention kernel
 * @param nccl sum by NCCL even where GPUs can read each other's memory
 */
public record CudaOptions(boolean skipSums, boolean deterministic, boolean nccl) {
    /** NCCL's own variable, which people set where peer access is there but does not work, holds for our kernels too. */
    private static final boolean PEERS_DISABLED = "1".equals(System.getenv("NCCL_P2P_DISABLE"));

    public CudaOptions(boolean skipSums, boolean deterministic) {
        this(skipSums, deterministic, PEERS_DISABLED);
    }

    public static CudaOptions defaults() {
        return new CudaOptions(false, false);
    }
}
