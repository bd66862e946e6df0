package nighttrain.executor.device;

/** A device that serves this process no more, whatever is closed and opened again; another process may use it at once. */
public final class DeviceLostException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    public DeviceLostException(String message, Throwable cause) {
        super(message, cause);
    }
}
