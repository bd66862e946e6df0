package nighttrain.jobs.cli;

import java.util.List;
import java.util.stream.Collectors;
import nighttrain.io.UserError;
import picocli.CommandLine;
import picocli.CommandLine.MissingParameterException;
import picocli.CommandLine.OverwrittenOptionException;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.UnmatchedArgumentException;

/** The parser's complaints in the house form: {@code what failed: value (limit; way out)}. */
public final class UsageErrors {
    private UsageErrors() {}

    public static UserError of(ParameterException error) {
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
        List<String> near = error.getSuggestions();
        String hint = near.isEmpty() ? "see " + help : "did you mean " + String.join(" or ", near) + "?; see " + help;
        if (error.isUnknownOption()) {
            return UserError.of("unknown option", argument, hint);
        }
        boolean isCommand = !error.getCommandLine().getSubcommands().isEmpty();
        return UserError.of(isCommand ? "unknown command" : "unexpected argument", argument, hint);
    }

    private static String longestName(CommandLine.Model.ArgSpec argument) {
        return ((CommandLine.Model.OptionSpec) argument).longestName();
    }
}
