package nighttrain.executor;

/** Which hardware an engine runs on. */
public enum Backend {
    /** The best that this machine has. */
    AUTO,
    CPU,
    CUDA
}
