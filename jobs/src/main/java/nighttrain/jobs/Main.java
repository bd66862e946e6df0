package nighttrain.jobs;

import java.io.PrintWriter;
import java.nio.charset.Charset;
import java.util.List;
import nighttrain.io.UserError;
import picocli.CommandLine;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ParseResult;

/** {@code nighttrain COMMAND [options]}: the entry point of jobs/nighttrain and of spark-submit. */
public final class Main {
    private Main() {}

    public static void main(String[] args) {
        ExitCode exitCode = run(args, Terminal.system());
        if (exitCode != ExitCode.FINISHED) {
            System.exit(exitCode.code()); // YARN takes any System.exit for a failure, so success just returns
        }
    }

    /** Runs a command without ending this process. */
    static ExitCode run(String[] args, Terminal terminal) {
        List<Command> known = List.of(
                new GenerateCommand(terminal),
                new CompareCommand(terminal),
                new PlanCommand(terminal),
                new InspectCommand(terminal),
                new BenchCommand(terminal));
        CommandLine commands = new CommandLine(root());
        known.forEach(command -> commands.addSubcommand(command.spec()));
        Help.style(commands, terminal.columns());
        commands.setOut(new PrintWriter(terminal.out(), true, Charset.defaultCharset()));
        try {
            ParseResult parsed = commands.parseArgs(args);
            if (CommandLine.printHelpIfRequested(parsed)) {
                return ExitCode.FINISHED;
            }
            if (!parsed.hasSubcommand()) {
                throw UserError.of("no command", "nighttrain alone", "generate is one; see nighttrain --help");
            }
            String word = parsed.subcommand().commandSpec().name();
            for (Command command : known) {
                if (command.spec().name().equals(word)) {
                    return command.run(parsed.subcommand());
                }
            }
            throw new IllegalStateException("a command without code: " + word);
        } catch (ParameterException e) {
            return Faults.report(UsageErrors.of(e), terminal);
        } catch (Exception | LinkageError e) {
            return Faults.report(e, terminal);
        }
    }

    private static CommandSpec root() {
        CommandSpec root = CommandSpec.create().name("nighttrain");
        root.usageMessage()
                .description("Bulk LLM inference on Apache Spark: prompts in a table to completions in a table.")
                .synopsisSubcommandLabel("COMMAND");
        root.addOption(Help.option());
        return root;
    }
}
