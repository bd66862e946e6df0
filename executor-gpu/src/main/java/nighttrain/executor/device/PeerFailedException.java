package nighttrain.executor.device;

/** Another rank failed while this one waited for it: an echo, not a cause. */
public final class PeerFailedException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    public PeerFailedException() {
        super("another rank failed");
    }
}
