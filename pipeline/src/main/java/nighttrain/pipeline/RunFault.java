package nighttrain.pipeline;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.List;
import java.util.Optional;
import java.util.regex.Pattern;
import nighttrain.executor.Engine.EngineException;
import nighttrain.io.Causes;
import nighttrain.pipeline.host.BrokenProcess;

/**
 * A fault of storage or GPUs that ended a run. Finished rows are kept. The message is one line,
 * {@code what failed: value (limit; way out)}.
 */
public abstract sealed class RunFault extends RuntimeException {
    private static final long serialVersionUID = 1L;
    static final String WAY_OUT = "run the same command again, which computes only what is not finished";

    RunFault(String message, Throwable cause) {
        super(message, cause);
    }

    /** Throws a run fault if one caused the failure. Spark wraps exceptions of tasks several layers deep. */
    static void throwIfBehind(Throwable failure) {
        StorageFault.throwIfBehind(failure);
        EngineFault.throwIfBehind(failure);
    }

    /** A file system was full, or the journal could not be written. */
    public static final class StorageFault extends RunFault {
        private static final long serialVersionUID = 1L;

        /** Error messages of full file systems: POSIX, POSIX quotas, HDFS quotas, HDFS without a node that has room. */
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
            Optional<Throwable> full =
                    causes.stream().filter(StorageFault::isFull).reduce((outer, inner) -> inner);
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
                            + " (no room in --output, or in Spark's spark.local.dir; make room," + " then " + WAY_OUT
                            + ")",
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

    /** The output table rejected the results. */
    public static final class TableFault extends RunFault {
        private static final long serialVersionUID = 1L;

        TableFault(String table, Throwable cause) {
            super(
                    "cannot commit to the output table: " + table + " ("
                            + Causes.message(cause)
                                    .lines()
                                    .findFirst()
                                    .orElse("")
                                    .strip()
                            + "; the results are finished: mend that, then run the same command again, which computes nothing twice)",
                    cause);
        }
    }

    /** The GPUs are broken: a task lost one executor process after another, as often as Spark allows. */
    public static final class EngineFault extends RunFault {
        private static final long serialVersionUID = 1L;

        /** How Spark's standalone master, Kubernetes and YARN report an exit code. */
        private static final Pattern ENDED =
                Pattern.compile("(?i)exit(ed)?( with)?( exit)? (code|status):? " + BrokenProcess.EXIT_CODE + "\\b");

        private EngineFault(String message, Throwable cause) {
            super(message, cause);
        }

        static void throwIfBehind(Throwable failure) {
            Optional<String> reason = told(failure).or(() -> seenFromOutside(failure));
            if (reason.isPresent()) {
                throw new EngineFault(
                        "GPUs served no process for long: " + reason.get()
                                + " (every try of a task ended so; see nvidia-smi and the executors' logs, then "
                                + WAY_OUT
                                + ")",
                        failure);
            }
        }

        /** The reason, if the process could still report it. */
        private static Optional<String> told(Throwable failure) {
            return EngineException.needsNewProcess(failure)
                    ? Causes.first(failure, EngineException.class)
                            .map(cause -> cause.getMessage().lines().findFirst().orElse(""))
                    : Optional.empty();
        }

        /** The reason, if the process ended before it reported one. */
        private static Optional<String> seenFromOutside(Throwable failure) {
            return Causes.of(failure)
                            .anyMatch(cause -> ENDED.matcher(String.valueOf(cause.getMessage()))
                                    .find())
                    ? Optional.of("executors ended with exit code " + BrokenProcess.EXIT_CODE)
                    : Optional.empty();
        }
    }
}
