package nighttrain.jobs;

import java.io.PrintWriter;
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
        GenerateCommand generate = new GenerateCommand(terminal);
        CommandLine commands = Help.style(new CommandLine(root()).addSubcommand(generate.spec()), terminal.columns());
        commands.setOut(new PrintWriter(terminal.out(), true));
        try {
            ParseResult parsed = commands.parseArgs(args);
            if (CommandLine.printHelpIfRequested(parsed)) {
                return ExitCode.FINISHED;
            }
            if (!parsed.hasSubcommand()) {
                throw UserError.of("no command", "nighttrain alone", "generate is one; see nighttrain --help");
            }
            return generate.run(parsed.subcommand());
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
