package nighttrain.pipeline;

import java.util.Optional;
import java.util.regex.Pattern;
import nighttrain.executor.EngineException;
import nighttrain.io.Causes;
import nighttrain.pipeline.host.BrokenProcess;

/** GPUs that served no process for long: a task was begun in one after the other, as often as Spark allows, and each was its last. */
public final class EngineFault extends RunFault {
    private static final long serialVersionUID = 1L;

    /** How Spark's standalone master, Kubernetes and YARN tell how a process ended. */
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
                            + " (every try of a task ended so; see nvidia-smi and the executors' logs, then " + WAY_OUT
                            + ")",
                    failure);
        }
    }

    /** Where the process could still say why. */
    private static Optional<String> told(Throwable failure) {
        return EngineException.needsNewProcess(failure)
                ? Causes.first(failure, EngineException.class)
                        .map(cause -> cause.getMessage().lines().findFirst().orElse(""))
                : Optional.empty();
    }

    /** Where its end came first. */
    private static Optional<String> seenFromOutside(Throwable failure) {
        return Causes.of(failure)
                        .anyMatch(cause -> ENDED.matcher(String.valueOf(cause.getMessage()))
                                .find())
                ? Optional.of("executors ended with exit code " + BrokenProcess.EXIT_CODE)
                : Optional.empty();
    }
}
