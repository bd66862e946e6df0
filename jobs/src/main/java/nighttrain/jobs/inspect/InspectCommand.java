package nighttrain.jobs.inspect;

import java.nio.file.Path;
import nighttrain.executor.perf.ModelFootprint;
import nighttrain.io.checkpoint.Checkpoint;
import nighttrain.io.checkpoint.Checkpoints;
import nighttrain.jobs.cli.Command;
import nighttrain.jobs.cli.ExitCode;
import nighttrain.jobs.cli.Help;
import nighttrain.jobs.cli.Terminal;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.ParseResult;

/** {@code nighttrain inspect}: what a model is and weighs, and how often its ranks must meet; reads config.json alone. */
public final class InspectCommand implements Command {
    private final Terminal terminal;

    public InspectCommand(Terminal terminal) {
        this.terminal = terminal;
    }

    @Override
    public CommandSpec spec() {
        CommandSpec command = CommandSpec.create().name("inspect");
        command.usageMessage()
                .description(
                        "Shows a model's architecture, its sizes by ranks and how often ranks meet, from config.json"
                                + " alone.")
                .customSynopsis("nighttrain inspect --model DIR");
        command.addOption(OptionSpec.builder("--model")
                .type(Path.class)
                .paramLabel("DIR")
                .required(true)
                .description("directory with a config.json; weights are not read")
                .build());
        command.addOption(Help.option());
        return command;
    }

    @Override
    public ExitCode run(ParseResult given) {
        Path model = given.matchedOptionValue("--model", Path.of("."));
        try (Checkpoint shape = Checkpoints.dummy(model)) {
            terminal.out().print(FootprintTable.of(model, shape.spec(), ModelFootprint.of(shape.spec())));
        }
        return ExitCode.FINISHED;
    }
}
