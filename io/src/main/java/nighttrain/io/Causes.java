package nighttrain.io;

import java.util.Optional;
import java.util.stream.Stream;

/** What lies behind a failure: Spark wraps what tasks and jobs throw, some layers deep. */
public final class Causes {
    private Causes() {}

    /** The failure, its cause, and so on to the innermost. */
    public static Stream<Throwable> of(Throwable failure) {
        return Stream.iterate(failure, cause -> cause != null, Throwable::getCause);
    }

    /** The outermost of that kind. */
    public static <T extends Throwable> Optional<T> first(Throwable failure, Class<T> kind) {
        return of(failure).filter(kind::isInstance).map(kind::cast).findFirst();
    }
}
