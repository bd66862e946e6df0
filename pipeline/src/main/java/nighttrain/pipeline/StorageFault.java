package nighttrain.pipeline;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.List;
import java.util.Optional;
import nighttrain.io.Causes;

/** A file system that was full, or that the journal could not be written to. */
public final class StorageFault extends RunFault {
    private static final long serialVersionUID = 1L;

    /** How file systems say it: POSIX, its quotas, HDFS's quotas, HDFS without a node that has room. */
    private static final List<String> FULL = List.of(
            "No space left on device",
            "Disk quota exceeded",
            "DiskSpace quota",
            "NameSpace quota",
            "could only be written to 0 of the");

    private StorageFault(String message, Throwable cause) {
        super(message, cause);
    }

    static void throwIfBehind(Throwable failure) {
        Optional<StorageFault> fault = behind(failure);
        if (fault.isPresent()) {
            throw fault.get();
        }
    }

    private static Optional<StorageFault> behind(Throwable failure) {
        List<Throwable> causes = Causes.of(failure).toList();
        Optional<Throwable> full = causes.stream().filter(StorageFault::isFull).reduce((outer, inner) -> inner);
        Optional<Throwable> journal =
                causes.stream().filter(StorageFault::isOfTheJournal).findFirst();
        if (journal.isPresent()) {
            Throwable reason = full.orElse(journal.get().getCause());
            String mend = full.isPresent() ? "make room there" : "mend that";
            return Optional.of(new StorageFault(
                    journal.get().getMessage() + " (" + firstLine(reason) + "; " + mend + ", then " + WAY_OUT + ")",
                    failure));
        }
        return full.map(reason -> new StorageFault(
                "cannot write: " + firstLine(reason)
                        + " (no room in --output, or in Spark's spark.local.dir; make room," + " then " + WAY_OUT + ")",
                failure));
    }

    private static boolean isFull(Throwable cause) {
        return cause instanceof IOException
                && cause.getMessage() != null
                && FULL.stream().anyMatch(cause.getMessage()::contains);
    }

    private static boolean isOfTheJournal(Throwable cause) {
        return cause instanceof UncheckedIOException
                && cause.getMessage() != null
                && cause.getMessage().matches("(?s)cannot (write|end) the journal: .*");
    }

    private static String firstLine(Throwable reason) {
        String message = reason.getMessage() == null ? reason.toString() : reason.getMessage();
        return message.lines().findFirst().orElse("").strip();
    }
}
