package nighttrain.jobs;

import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import nighttrain.io.UserError;
import nighttrain.pipeline.compare.Choice;
import nighttrain.pipeline.compare.Compare;
import nighttrain.pipeline.compare.CompareResult;
import nighttrain.pipeline.compare.Comparison;
import nighttrain.pipeline.job.JobFolder;
import org.apache.hadoop.conf.Configuration;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.ParseResult;

/** {@code nighttrain compare}: models and layouts side by side, on this machine and the same prompts. */
final class CompareCommand implements Command {
    private static final String CONFIG = "--config";
    private static final String OUTPUT = "--output";
    private static final String OVERWRITE = "--overwrite";
    private static final String MODELS = "--models";
    private static final String LAYOUTS = "--layouts";
    private static final String WORKLOADS = "--workloads";

    private final Terminal terminal;

    CompareCommand(Terminal terminal) {
        this.terminal = terminal;
    }

    @Override
    public CommandSpec spec() {
        CommandSpec command = CommandSpec.create().name("compare");
        command.usageMessage()
                .description("Measures models and layouts side by side, on this machine and the same prompts.")
                .customSynopsis("nighttrain compare --config FILE [options]")
                .sortOptions(false)
                .footer(
                        "",
                        "Exit codes: 0 finished; 1 failed; 2 bad usage or input, nothing written; 3 finished, but a cell broke;",
                        "4 stopped. A comparison that was stopped or killed goes on after its last finished round when its",
                        "command is run again. What cannot work (does not fit, does not divide) is told in its cell.");
        Map<String, List<OptionSpec>> options = new java.util.LinkedHashMap<>();
        options.put(
                "This run",
                List.of(
                        option(CONFIG, "FILE", "what to compare, YAML; see conf/compare"),
                        option(
                                OUTPUT,
                                "PATH",
                                "where figures and report go (default: comparisons/ and the file's name)"),
                        OptionSpec.builder(OVERWRITE)
                                .description("forget the rounds that are there (default: go on from them)")
                                .build(),
                        option(MODELS, "A,B", "only these of the models now; figures of others that are there stay"),
                        option(LAYOUTS, "RxW,...", "only these of the layouts now"),
                        option(WORKLOADS, "A,B", "only these of the workloads now"),
                        Help.option()));
        options.values().forEach(group -> group.forEach(command::addOption));
        Help.group(command, options);
        return command;
    }

    @Override
    public ExitCode run(ParseResult given) throws InterruptedException {
        Path file = Path.of(Optional.<String>ofNullable(given.matchedOptionValue(CONFIG, null))
                .orElseThrow(
                        () -> UserError.of("missing option", CONFIG, "what to compare; conf/compare has examples")));
        Comparison comparison = ComparisonReader.read(file);
        String output = given.matchedOptionValue(OUTPUT, "comparisons/" + comparison.name());
        Choice choice = new Choice(names(given, MODELS), names(given, LAYOUTS), names(given, WORKLOADS));
        JobFolder folder = JobFolder.of(output, new Configuration());
        try (ProgressBar bar = new ProgressBar(terminal);
                StopSignals signals = new StopSignals(terminal, bar, "rounds")) {
            signals.onStop(Thread.currentThread()::interrupt);
            CompareResult result = new Compare(comparison, folder)
                    .run(choice, given.hasMatchedOption(OVERWRITE), new CompareProgress(bar));
            bar.close();
            terminal.out().print(CompareTable.of(result, folder.output().toUri().getPath()));
            return result.isBroken() ? ExitCode.TOO_MANY_ROW_ERRORS : ExitCode.FINISHED;
        } catch (InterruptedException stopped) {
            return ExitCode.STOPPED;
        }
    }

    private static List<String> names(ParseResult given, String option) {
        return Arrays.stream(given.matchedOptionValue(option, "").split(","))
                .map(String::strip)
                .filter(name -> !name.isEmpty())
                .toList();
    }

    private static OptionSpec option(String name, String label, String help) {
        return OptionSpec.builder(name)
                .paramLabel(label)
                .type(String.class)
                .description(help)
                .build();
    }
}
