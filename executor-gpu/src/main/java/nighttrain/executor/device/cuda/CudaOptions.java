package nighttrain.executor.device.cuda;

/**
 * How GPUs compute.
 *
 * @param skipSums leave out the sums over ranks, for the bound that communication is held against
 * @param deterministic the same operations in the same order for a token whatever else is in its step: products
 *     of one number of rows, one attention kernel
 */
public record CudaOptions(boolean skipSums, boolean deterministic) {
    public static CudaOptions defaults() {
        return new CudaOptions(false, false);
    }
}
