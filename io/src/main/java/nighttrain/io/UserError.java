package nighttrain.io;

import java.util.function.UnaryOperator;

/**
 * A fault that the user can mend: bad usage, a bad file, a setting that cannot work. The command line prints its message
 * alone, without a stack trace, and exits with code 2.
 *
 * <p>Every message reads {@code what failed: value (limit; way out)}.
 */
public final class UserError extends RuntimeException {
    private static final long serialVersionUID = 1L;

    private UserError(String message, Throwable cause) {
        super(message, cause);
    }

    /** {@code what: value (hint)}; the hint names the limit and the way out, separated by a semicolon. */
    public static UserError of(String what, Object value, String hint) {
        return new UserError(what + ": " + value + " (" + hint + ")", null);
    }

    /** Like {@link #of(String, Object, String)}, and keeps the cause for the log. */
    public static UserError of(String what, Object value, String hint, Throwable cause) {
        return new UserError(what + ": " + value + " (" + hint + ")", cause);
    }

    /** Returns the same fault with another message. */
    public UserError reworded(UnaryOperator<String> words) {
        return new UserError(words.apply(getMessage()), this);
    }
}
