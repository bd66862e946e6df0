package nighttrain.executor;

import nighttrain.executor.device.DeviceLostException;
import nighttrain.io.Causes;

/** The engine itself failed, not one request: nothing in flight will be answered, and it must be opened again. */
public final class EngineException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    public EngineException(String message, Throwable cause) {
        super(message, cause);
    }

    /** Whether a failure of an engine, or of opening one, is such that only another process can open it again. */
    public static boolean needsNewProcess(Throwable failure) {
        return Causes.first(failure, DeviceLostException.class).isPresent();
    }
}
