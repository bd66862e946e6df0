package nighttrain.jobs.cli;

import java.util.Optional;
import nighttrain.io.Causes;
import nighttrain.io.UserError;
import nighttrain.pipeline.RunFault;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** What a command that did not finish says, and its exit code. */
public final class Faults {
    private static final Logger LOG = LoggerFactory.getLogger(Faults.class);

    private Faults() {}

    /** One line on the terminal; the stack trace, where it may help, in the log. */
    public static ExitCode report(Throwable fault, Terminal terminal) {
        Optional<UserError> user = Causes.first(fault, UserError.class);
        if (user.isPresent()) {
            LOG.info("The user can mend this", fault);
            terminal.messages().println(user.get().getMessage().replaceAll("\\s*\\R\\s*", " "));
            return ExitCode.BAD_INPUT;
        }
        LOG.error("The command failed", fault);
        if (fault instanceof RunFault known) {
            terminal.messages().println(known.getMessage());
            return ExitCode.FAILED;
        }
        Throwable innermost = innermost(fault);
        String kind = innermost.getMessage() == null ? "" : innermost.getClass().getName() + ": ";
        terminal.messages().println("failed: " + kind + Causes.message(innermost) + " (" + whereTheLogIs() + ")");
        return ExitCode.FAILED;
    }

    private static Throwable innermost(Throwable fault) {
        return Causes.of(fault).reduce(fault, (outer, inner) -> inner);
    }

    private static String whereTheLogIs() {
        String log = System.getProperty("nighttrain.log");
        return "stack trace in " + (log == null ? "the driver's log" : log);
    }
}
