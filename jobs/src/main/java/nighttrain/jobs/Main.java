package nighttrain.jobs;

import java.io.PrintWriter;
import java.nio.charset.Charset;
import java.util.List;
import java.util.Map;
import nighttrain.io.UserError;
import nighttrain.jobs.bench.BenchCommand;
import nighttrain.jobs.cli.Command;
import nighttrain.jobs.cli.ExitCode;
import nighttrain.jobs.cli.Faults;
import nighttrain.jobs.cli.Help;
import nighttrain.jobs.cli.Terminal;
import nighttrain.jobs.compare.CompareCommand;
import nighttrain.jobs.generate.GenerateCommand;
import nighttrain.jobs.inspect.InspectCommand;
import nighttrain.jobs.label.LabelCommand;
import nighttrain.jobs.plan.PlanCommand;
import nighttrain.pipeline.SparkVersion;
import nighttrain.pipeline.job.Versions;
import picocli.CommandLine;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ParseResult;

/** {@code nighttrain COMMAND [options]}: the entry point of jobs/nighttrain and of spark-submit. */
public final class Main {
    private static final String VERSION = "--version";

    private Main() {}

    public static void main(String[] args) {
        ExitCode exitCode = run(args, Terminal.system());
        if (exitCode != ExitCode.FINISHED) {
            System.exit(exitCode.code()); // YARN treats any System.exit as a failure, so success just returns
        }
    }

    /** Runs a command without ending this process. */
    static ExitCode run(String[] args, Terminal terminal) {
        List<Command> known = List.of(
                new GenerateCommand(terminal),
                LabelCommand.of(terminal),
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
            if (parsed.hasMatchedOption(VERSION)) {
                terminal.out().println(version());
                return ExitCode.FINISHED;
            }
            if (!parsed.hasSubcommand()) {
                throw UserError.of(
                        "missing command", "nighttrain", "give one, such as generate; see nighttrain --help");
            }
            String word = parsed.subcommand().commandSpec().name();
            for (Command command : known) {
                if (command.spec().name().equals(word)) {
                    if (command.usesSpark()) {
                        SparkVersion.require();
                    }
                    return command.run(parsed.subcommand());
                }
            }
            throw new IllegalStateException("a command without code: " + word);
        } catch (ParameterException e) {
            return Faults.report(e, terminal);
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
        root.addOption(OptionSpec.builder(VERSION)
                .description("show the versions of Night Train, Spark and Java")
                .build());
        return root;
    }

    /** Returns the version line, with the commit that the launcher reports where it knows it. */
    private static String version() {
        String commit = System.getProperty("nighttrain.commit", "");
        Map<String, String> versions = Versions.withoutSpark();
        return "Night Train " + versions.get("night-train") + (commit.isEmpty() ? "" : " (" + commit + ")") + ", Spark "
                + org.apache.spark.package$.MODULE$.SPARK_VERSION() + ", Java " + versions.get("java");
    }
}
