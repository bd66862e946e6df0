package nighttrain.io.template;

/** An error that Jinja2 raises while it reads or renders a template. {@link ChatTemplate} adds the place and what to do. */
final class TemplateError extends RuntimeException {
    private static final long serialVersionUID = 1L;

    /** Whether {@code raise_exception} was called, by which a template refuses messages. */
    final boolean refusal;

    private TemplateError(String message, boolean refusal) {
        super(message, null, false, false);
        this.refusal = refusal;
    }

    TemplateError(String message) {
        this(message, false);
    }

    static TemplateError refusal(String message) {
        return new TemplateError(message, true);
    }
}
