package nighttrain.executor.device.cuda;

/**
 * How GPUs compute.
 *
 * @param skipAllReduce leave out all-reduces, to measure the bound without communication
 * @param deterministic the same operations in the same order for a token, whatever the other rows in the step: all matmuls have one number of rows,
 *     and one attention kernel serves all sequences
 * @param nccl communicate by NCCL even if GPUs can read each other's memory
 */
public record CudaOptions(boolean skipAllReduce, boolean deterministic, boolean nccl) {
    /** NCCL's variable, which users set if peer access is offered but does not work. It applies to our kernels, too. */
    private static final boolean PEERS_DISABLED = "1".equals(System.getenv("NCCL_P2P_DISABLE"));

    public CudaOptions(boolean skipAllReduce, boolean deterministic) {
        this(skipAllReduce, deterministic, PEERS_DISABLED);
    }

    public static CudaOptions defaults() {
        return new CudaOptions(false, false);
    }
}
