package nighttrain.executor.device;

/** A sum over ranks under way. */
@FunctionalInterface
public interface Pending {
    /** Orders all later work of this rank after the sum and returns where it is. Never makes the host wait on a GPU. */
    Tensor await();
}
