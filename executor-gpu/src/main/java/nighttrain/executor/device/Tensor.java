package nighttrain.executor.device;

/**
 * Floating-point values on one device, row-major {@code [tracks, rows, cols]}: one row per token, one slab per track that
 * lives on this rank (a single one for models without tracks). A handle: only the device that made it can look inside.
 */
public interface Tensor {
    int tracks();

    int rows();

    int cols();

    /** The first rows of every track, sharing this tensor's memory: how a buffer of fixed size serves a smaller step. */
    Tensor firstRows(int rows);

    /** One track alone, sharing this tensor's memory. */
    Tensor track(int track);
}
