package nighttrain.jobs.generate;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import nighttrain.jobs.cli.Command;
import nighttrain.jobs.cli.ExitCode;
import nighttrain.jobs.cli.Help;
import nighttrain.jobs.cli.RunOptions;
import nighttrain.jobs.cli.Sessions;
import nighttrain.jobs.cli.SettingOptions;
import nighttrain.jobs.cli.SettingsFile;
import nighttrain.jobs.cli.Terminal;
import nighttrain.pipeline.settings.GenerateOptions;
import nighttrain.pipeline.settings.SettingValues;
import nighttrain.pipeline.settings.Settings;
import org.apache.spark.SparkConf;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.ParseResult;

/** {@code nighttrain generate}: completes every row of a table. */
public final class GenerateCommand implements Command {
    private final Terminal terminal;

    public GenerateCommand(Terminal terminal) {
        this.terminal = terminal;
    }

    @Override
    public CommandSpec spec() {
        CommandSpec command = CommandSpec.create().name("generate");
        command.usageMessage()
                .description(
                        "Completes the prompt of every row and writes the results as Parquet, each row exactly once.")
                .customSynopsis("nighttrain generate --model DIR --input PATH --output PATH [options]")
                .sortOptions(false)
                .footer(
                        "",
                        "Exit codes: 0 finished; 1 failed; 2 bad usage or input, nothing written; 3 finished, but too many",
                        "rows failed; 4 stopped, rows left. A job that was stopped or killed goes on when its command is",
                        "run again.");
        Map<String, List<OptionSpec>> options = SettingOptions.byHeading(Settings.all());
        options.put("This run", RunOptions.all());
        Help.addOptions(command, options);
        return command;
    }

    @Override
    public ExitCode run(ParseResult given) throws IOException {
        SparkConf conf = Sessions.conf(RunOptions.master(given), RunOptions.conf(given));
        GenerateOptions options = GenerateOptions.of(settings(given, conf));
        return new Run(terminal).generate(conf, options);
    }

    /** What holds of what was given in the three places. */
    public static SettingValues settings(ParseResult given, SparkConf conf) {
        Map<String, Object> file =
                RunOptions.config(given).map(Path::of).map(SettingsFile::read).orElse(Map.of());
        return SettingValues.resolve(
                SettingOptions.given(given, Settings.all()), key -> Optional.ofNullable(conf.get(key, null)), file);
    }
}
