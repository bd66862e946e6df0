package nighttrain.executor;

/** The engine itself failed, not one request: nothing in flight will be answered, and it must be opened again. */
public final class EngineException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    public EngineException(String message, Throwable cause) {
        super(message, cause);
    }
}
