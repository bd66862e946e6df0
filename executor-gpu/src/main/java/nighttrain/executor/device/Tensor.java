package nighttrain.executor.device;

/**
 * Floating-point values on one device, row-major {@code [tracks, rows, cols]}: one row per token, one slab per track that
 * lives on this rank (a single one for models without tracks). A handle: only the device that made it can look inside.
 */
public interface Tensor {
    int tracks();

    int rows();

    int cols();

    /** Returns a view of the first rows of every track, which shares this tensor's memory: a buffer of fixed size thus serves a smaller step. */
    Tensor firstRows(int rows);

    /** Returns a view of one track, which shares this tensor's memory. */
    Tensor track(int track);
}
