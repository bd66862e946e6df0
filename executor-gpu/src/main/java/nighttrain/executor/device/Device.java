package nighttrain.executor.device;

/**
 * One accelerator as one rank sees it: owner of everything that rank allocates, used by that rank's thread alone. Closing it
 * frees all of it.
 */
public interface Device extends AutoCloseable {
    Kernels kernels();

    Communicator communicator();

    /**
     * An activation buffer, zeroed.
     *
     * @param role what it is for, named in errors
     */
    Tensor tensor(String role, int tracks, int rows, int cols);

    /** A tensor of given values, {@code [tracks, rows, cols]}. */
    Tensor tensor(String role, int tracks, int rows, int cols, float[] values);

    /** Weights without a bias. */
    Matrix matrix(String role, int tracks, int outputs, int inputs, Matrix.Rows rows);

    /** Weights with a bias, {@code [tracks, outputs]}. */
    Matrix matrix(String role, int tracks, int outputs, int inputs, Matrix.Rows rows, float[] bias);

    /** Pages for the keys and values of one layer, per track. */
    KvPages kvPages(String role, int tracks, int pages, int pageTokens, int kvHeads, int headDim);

    /** A tensor's values, {@code [tracks, rows, cols]} row-major; waits for all work before. */
    float[] read(Tensor tensor);

    @Override
    void close();
}
