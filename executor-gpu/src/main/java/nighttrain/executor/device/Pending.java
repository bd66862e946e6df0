package nighttrain.executor.device;

/** A sum over ranks under way. */
@FunctionalInterface
public interface Pending {
    /** Orders all later work of this rank after the sum and returns where it is. Never makes the host wait on a GPU. */
    Tensor await();

    /**
     * {@code x += sum; out = norm(x)} in place of {@link #await}, for who needs the sum for nothing else: one kernel where the device has
     * it.
     */
    default void addNorm(Kernels kernels, Tensor out, Tensor xInOut, Norm norm) {
        kernels.addNorm(out, xInOut, await(), norm);
    }
}
