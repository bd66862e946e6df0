package nighttrain.jobs.bench;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import nighttrain.jobs.cli.Command;
import nighttrain.jobs.cli.ExitCode;
import nighttrain.jobs.cli.Help;
import nighttrain.jobs.cli.JsonFile;
import nighttrain.jobs.cli.ProgressBar;
import nighttrain.jobs.cli.SettingOptions;
import nighttrain.jobs.cli.Terminal;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.ParseResult;

/** {@code nighttrain bench}: how fast the engine alone is on random prompts. */
public final class BenchCommand implements Command {
    private final Terminal terminal;

    public BenchCommand(Terminal terminal) {
        this.terminal = terminal;
    }

    @Override
    public CommandSpec spec() {
        CommandSpec command = CommandSpec.create().name("bench");
        command.usageMessage()
                .description(
                        "Measures the engine alone, without Spark: random prompts, greedy outputs of exact length.")
                .customSynopsis("nighttrain bench --model DIR [options]")
                .sortOptions(false);
        Map<String, List<OptionSpec>> options = SettingOptions.byHeading(BenchSettings.all());
        options.put("This run", List.of(JsonFile.option("every figure of every round"), Help.option()));
        Help.addOptions(command, options);
        return command;
    }

    @Override
    public ExitCode run(ParseResult given) throws InterruptedException {
        BenchOptions options = BenchOptions.of(SettingOptions.given(given, BenchSettings.all()));
        Optional<JsonFile> file = JsonFile.of(given);
        BenchReport report;
        try (ProgressBar bar = new ProgressBar(terminal)) {
            report = Bench.run(options, bar::phase);
        }
        terminal.out().print(BenchTable.of(report));
        file.ifPresent(json -> json.write(BenchJson.of(report)));
        return ExitCode.FINISHED;
    }
}
