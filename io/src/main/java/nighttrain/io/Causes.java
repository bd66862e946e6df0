package nighttrain.io;

import java.util.Optional;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** Finds the causes of a failure: Spark wraps what tasks and jobs throw, several layers deep. */
public final class Causes {
    /** The beginning of a stack trace line, of a Spark plan or of a query's text. */
    private static final Pattern LISTING = Pattern.compile(
            "\\s+at \\S+|at [\\w.$/]+\\(|\\s*\\.\\.\\. \\d+ more|Driver stacktrace:|[+:]- |'?[A-Z]\\w+ \\[|== SQL");

    private Causes() {}

    /** Returns the failure, its cause, and so on to the innermost. */
    public static Stream<Throwable> of(Throwable failure) {
        return Stream.iterate(failure, cause -> cause != null, Throwable::getCause);
    }

    /** Returns the outermost failure of that kind. */
    public static <T extends Throwable> Optional<T> first(Throwable failure, Class<T> kind) {
        return of(failure).filter(kind::isInstance).map(kind::cast).findFirst();
    }

    /**
     * Returns a failure's message as one line: without the stack traces, plans and query texts that libraries append, but with the lines that tell
     * what to do.
     */
    public static String message(Throwable failure) {
        String message = failure.getMessage() == null ? failure.toString() : failure.getMessage();
        return message.lines()
                .takeWhile(line -> !LISTING.matcher(line).lookingAt())
                .map(String::strip)
                .filter(line -> !line.isEmpty())
                .collect(Collectors.joining(" "));
    }
}
