package nighttrain.jobs.generate;

import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import nighttrain.io.UserError;
import nighttrain.jobs.cli.Command;
import nighttrain.jobs.cli.ExitCode;
import nighttrain.jobs.cli.Help;
import nighttrain.jobs.cli.RunOptions;
import nighttrain.jobs.cli.Sessions;
import nighttrain.jobs.cli.SettingOptions;
import nighttrain.jobs.cli.Terminal;
import nighttrain.pipeline.settings.GenerateOptions;
import nighttrain.pipeline.settings.Setting;
import nighttrain.pipeline.settings.Setting.SettingGroup;
import nighttrain.pipeline.settings.SettingValues;
import nighttrain.pipeline.settings.Settings;
import org.apache.spark.SparkConf;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.ParseResult;

/** {@code nighttrain generate}: completes every row of a table. Other commands over rows are this command with another {@link Form}. */
public final class GenerateCommand implements Command {
    private static final Form GENERATE = new Form(
            "generate",
            "Completes the prompt of every row and writes the results as Parquet, each row exactly once.",
            "nighttrain generate --model DIR --input PATH --output PATH [options]",
            Settings.all().stream()
                    .filter(setting -> setting.group() != SettingGroup.LABELS)
                    .toList(),
            List.of());

    private final Terminal terminal;
    private final Form form;

    /**
     * The parts in which commands that run a job differ.
     *
     * @param name name of the command
     * @param description what it does
     * @param synopsis usage line
     * @param settings settings that have an option
     * @param needed settings of which at least one must be set; empty: none is required
     */
    public record Form(
            String name, String description, String synopsis, List<Setting<?>> settings, List<Setting<?>> needed) {}

    public GenerateCommand(Terminal terminal) {
        this(terminal, GENERATE);
    }

    /** A command of another form. */
    public GenerateCommand(Terminal terminal, Form form) {
        this.terminal = terminal;
        this.form = form;
    }

    @Override
    public CommandSpec spec() {
        CommandSpec command = CommandSpec.create().name(form.name());
        command.usageMessage()
                .description(form.description())
                .customSynopsis(form.synopsis())
                .sortOptions(false)
                .footer(
                        "",
                        "Exit codes: 0 finished; 1 failed; 2 bad usage or input, nothing written; 3 finished, but too many",
                        "rows failed; 4 stopped, rows left. A job that was stopped or killed goes on when its command is",
                        "run again.");
        Map<String, List<OptionSpec>> options = SettingOptions.byHeading(form.settings());
        options.put("This run", RunOptions.all());
        Help.addOptions(command, options);
        return command;
    }

    @Override
    public ExitCode run(ParseResult given) throws IOException {
        SparkConf conf = Sessions.conf(RunOptions.master(given), RunOptions.conf(given));
        SettingValues values = settings(given, conf);
        if (!form.needed().isEmpty() && form.needed().stream().noneMatch(values::isSet)) {
            Setting<?> first = form.needed().get(0);
            throw UserError.of(
                    "missing option",
                    first.option(),
                    first.help() + "; give " + first.option() + " " + first.placeholder() + " or "
                            + form.needed().get(1).option());
        }
        GenerateOptions options = GenerateOptions.of(values);
        return new Run(terminal).generate(conf, options);
    }

    /** Resolves the settings given on the command line, in the Spark conf and in the file. */
    public SettingValues settings(ParseResult given, SparkConf conf) {
        return SettingValues.resolve(
                SettingOptions.given(given, form.settings()),
                key -> Optional.ofNullable(conf.get(key, null)),
                RunOptions.config(given));
    }
}
