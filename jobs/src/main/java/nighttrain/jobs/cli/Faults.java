package nighttrain.jobs.cli;

import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import nighttrain.io.Causes;
import nighttrain.io.UserError;
import nighttrain.pipeline.RunFault;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import picocli.CommandLine;
import picocli.CommandLine.MissingParameterException;
import picocli.CommandLine.OverwrittenOptionException;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.UnmatchedArgumentException;

/** Reports why a command did not finish, and chooses its exit code. */
public final class Faults {
    private static final Logger LOG = LoggerFactory.getLogger(Faults.class);

    private Faults() {}

    /** Prints one line on the terminal; writes the stack trace to the log. */
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

    /** Reports what the command line's parser refuses. */
    public static ExitCode report(ParameterException usage, Terminal terminal) {
        return report(UsageErrors.of(usage), terminal);
    }

    private static Throwable innermost(Throwable fault) {
        return Causes.of(fault).reduce(fault, (outer, inner) -> inner);
    }

    private static String whereTheLogIs() {
        String log = System.getProperty("nighttrain.log");
        return "stack trace in " + (log == null ? "the driver's log" : log);
    }

    /** Rewrites the parser's complaints as {@code what failed: value (limit; way out)}. */
    private static final class UsageErrors {
        private UsageErrors() {}

        static UserError of(ParameterException error) {
            CommandLine command = error.getCommandLine();
            String help = command.getCommandSpec().qualifiedName() + " --help";
            if (error instanceof UnmatchedArgumentException unmatched) {
                return unmatched(unmatched, help);
            }
            if (error instanceof MissingParameterException missing) {
                String options = missing.getMissing().stream()
                        .map(argument -> argument.isOption() ? longestName(argument) : argument.paramLabel())
                        .collect(Collectors.joining(", "));
                return UserError.of("missing value", options, "a value follows the option; see " + help);
            }
            if (error instanceof OverwrittenOptionException twice) {
                return UserError.of(
                        "option given twice", longestName(twice.getOverwritten()), "once is allowed; leave one out");
            }
            return UserError.of("bad usage", error.getMessage(), "see " + help);
        }

        private static UserError unmatched(UnmatchedArgumentException error, String help) {
            String argument = error.getUnmatched().get(0);
            // The first suggestion is the most similar.
            String hint = error.getSuggestions().stream()
                    .findFirst()
                    .map(near -> "did you mean " + near + "?; see " + help)
                    .orElse("see " + help);
            if (error.isUnknownOption()) {
                return otherCommands(error.getCommandLine(), argument.replaceFirst("=.*", ""))
                        .map(others -> UserError.of(
                                "unknown option",
                                argument,
                                "an option of " + others + "; leave it out, or see " + help))
                        .orElseGet(() -> UserError.of("unknown option", argument, hint));
            }
            boolean isCommand = !error.getCommandLine().getSubcommands().isEmpty();
            return UserError.of(isCommand ? "unknown command" : "unexpected argument", argument, hint);
        }

        /** Returns the other commands that have the option. */
        private static Optional<String> otherCommands(CommandLine command, String option) {
            return Optional.of(Stream.ofNullable(command.getParent())
                            .flatMap(parent -> parent.getSubcommands().values().stream())
                            .filter(other -> Optional.ofNullable(
                                            other.getCommandSpec().findOption(option))
                                    .filter(known -> !known.hidden())
                                    .isPresent())
                            .map(CommandLine::getCommandName)
                            .collect(Collectors.joining(", ")))
                    .filter(others -> !others.isEmpty());
        }

        private static String longestName(CommandLine.Model.ArgSpec argument) {
            return ((CommandLine.Model.OptionSpec) argument).longestName();
        }
    }
}
