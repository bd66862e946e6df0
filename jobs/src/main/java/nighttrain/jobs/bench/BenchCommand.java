package nighttrain.jobs.bench;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;
import nighttrain.executor.EngineConfig.Lengths;
import nighttrain.executor.Engines;
import nighttrain.io.checkpoint.Checkpoint;
import nighttrain.io.checkpoint.Checkpoints;
import nighttrain.jobs.bench.Workload.RandomPrompts;
import nighttrain.jobs.bench.Workload.RandomWorkload;
import nighttrain.jobs.cli.Command;
import nighttrain.jobs.cli.ExitCode;
import nighttrain.jobs.cli.Help;
import nighttrain.jobs.cli.JsonOutput;
import nighttrain.jobs.cli.ProgressBar;
import nighttrain.jobs.cli.SettingOptions;
import nighttrain.jobs.cli.Terminal;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.ParseResult;

/** {@code nighttrain bench}: measures how fast the engine alone runs random prompts. */
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
        Map<String, List<OptionSpec>> options = SettingOptions.byHeading(BenchOptions.all());
        options.put("This run", List.of(JsonOutput.option("every figure of every round"), Help.option()));
        Help.addOptions(command, options);
        return command;
    }

    @Override
    public boolean usesSpark() {
        return false;
    }

    @Override
    public ExitCode run(ParseResult given) throws InterruptedException {
        BenchOptions options = BenchOptions.of(SettingOptions.given(given, BenchOptions.all()));
        Optional<JsonOutput> file = JsonOutput.of(given);
        BenchReport report;
        try (ProgressBar bar = new ProgressBar(terminal)) {
            report = measure(options, bar::phase);
        }
        terminal.out().print(BenchTable.of(report));
        file.ifPresent(json -> json.write(BenchJson.of(report)));
        return ExitCode.FINISHED;
    }

    /**
     * Opens an engine, warms it up and measures it.
     *
     * @param phase receives the current phase, in a few words
     * @throws nighttrain.io.UserError for a model, a layout or lengths that cannot work, before any weight is read
     */
    private static BenchReport measure(BenchOptions options, Consumer<String> phase) throws InterruptedException {
        try (Checkpoint shape = Checkpoints.dummy(options.model())) {
            Engines.checkUses(options.engine(), List.of(shape.spec()));
        }
        phase.accept("Loading the model");
        try (LoneEngine engine = LoneEngine.open(
                options.model(),
                options.dummyWeights(),
                options.engine()
                        .with(new Lengths(
                                options.workload().inputLen(),
                                options.workload().outputLen())),
                List.of(options.workload()))) {
            return new BenchReport(
                    options,
                    engine.plan(),
                    engine.footprint(),
                    engine.modelFingerprint(),
                    engine.openS(),
                    engine.roofline(),
                    rounds(options, engine, phase));
        }
    }

    private static List<Round> rounds(BenchOptions options, LoneEngine engine, Consumer<String> phase)
            throws InterruptedException {
        RandomWorkload workload = options.workload();
        RandomPrompts prompts = new RandomPrompts(engine.vocabulary(), workload.seed());
        for (int i = 0; i < options.warmUpRounds(); i++) {
            phase.accept("Warming up");
            engine.warmUp(workload, prompts);
        }
        List<Round> rounds = new ArrayList<>();
        for (int i = 1; i <= options.rounds(); i++) {
            phase.accept("Round " + i + " of " + options.rounds());
            rounds.add(engine.run(workload, prompts.of(workload)));
        }
        return rounds;
    }
}
