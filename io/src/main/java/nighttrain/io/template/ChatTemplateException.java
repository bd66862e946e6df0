package nighttrain.io.template;

/** A chat template could not be rendered for one row's messages: that row's fault, not the job's. */
public final class ChatTemplateException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    /** {@code message} reads {@code what failed: value (limit; way out)}. */
    public ChatTemplateException(String message, Throwable cause) {
        super(message, cause);
    }
}
