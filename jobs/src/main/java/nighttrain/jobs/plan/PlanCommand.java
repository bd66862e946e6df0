package nighttrain.jobs.plan;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import nighttrain.executor.perf.HardwareProfile;
import nighttrain.io.UserError;
import nighttrain.jobs.cli.Command;
import nighttrain.jobs.cli.ExitCode;
import nighttrain.jobs.cli.Help;
import nighttrain.jobs.cli.JsonFile;
import nighttrain.jobs.cli.ProgressBar;
import nighttrain.jobs.cli.RunOptions;
import nighttrain.jobs.cli.ScratchFolder;
import nighttrain.jobs.cli.Sessions;
import nighttrain.jobs.cli.SettingOptions;
import nighttrain.jobs.cli.Terminal;
import nighttrain.pipeline.settings.SettingValues;
import nighttrain.pipeline.settings.Settings;
import org.apache.spark.SparkConf;
import org.apache.spark.sql.SparkSession;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.ParseResult;

/** {@code nighttrain plan}: what a job will take, before it is run. */
public final class PlanCommand implements Command {
    private static final String CPU = "cpu";

    private final Terminal terminal;

    public PlanCommand(Terminal terminal) {
        this.terminal = terminal;
    }

    @Override
    public CommandSpec spec() {
        CommandSpec command = CommandSpec.create().name("plan");
        command.usageMessage()
                .description("Tells what a job will take: tokens, layouts, time, GPU-hours, cost.")
                .customSynopsis("nighttrain plan --model DIR --input PATH [options]")
                .sortOptions(false);
        Map<String, List<OptionSpec>> options = SettingOptions.byHeading(PlanSettings.all());
        options.put(
                "This run",
                List.of(
                        JsonFile.option("the plan, for generate --plan,"),
                        RunOptions.master("Spark inside this process"),
                        RunOptions.conf(""),
                        Help.option()));
        Help.addOptions(command, options);
        return command;
    }

    @Override
    public ExitCode run(ParseResult parsed) throws IOException, InterruptedException {
        SparkConf conf = Sessions.conf(RunOptions.master(parsed), RunOptions.conf(parsed));
        SettingValues job = SettingValues.resolve(
                SettingOptions.given(parsed, PlanSettings.ofTheJob()),
                key -> Optional.ofNullable(conf.get(key, null)),
                Map.of());
        Map<String, Object> own = SettingOptions.given(parsed, PlanSettings.own());
        PlanOptions options = options(own, job);
        Optional<String> scratch = PlanOptions.find(own, PlanSettings.SCRATCH);
        requireScratch(conf, scratch);
        Optional<JsonFile> file = JsonFile.of(parsed);
        try (ProgressBar bar = new ProgressBar(terminal)) {
            Plan plan = plan(conf, options, scratch, bar);
            bar.close();
            terminal.out().print(PlanTable.of(plan));
            file.ifPresent(json -> json.write(PlanJson.of(plan)));
            return ExitCode.FINISHED;
        }
    }

    private static PlanOptions options(Map<String, Object> own, SettingValues job) {
        Optional<String> hardware = PlanOptions.find(own, PlanSettings.HARDWARE);
        Optional<HardwareProfile> profile = hardware.map(HardwareReader::read);
        Optional<Double> usd = PlanOptions.find(own, PlanSettings.PRICES)
                .map(prices -> HardwareReader.price(Path.of(prices), hardware.orElse(CPU)));
        return PlanOptions.of(own, job, profile, usd);
    }

    private static void requireScratch(SparkConf conf, Optional<String> scratch) {
        if (Sessions.isRemote(conf) && scratch.isEmpty()) {
            throw UserError.of(
                    "missing option",
                    PlanSettings.SCRATCH.option(),
                    "executors of a cluster keep the trial's rows in it; give a folder that they reach");
        }
    }

    /** Spark opens no engine of its own accord: the trial does, where there is one. */
    private static Plan plan(SparkConf conf, PlanOptions options, Optional<String> parent, ProgressBar bar)
            throws IOException, InterruptedException {
        bar.phase("Starting Spark");
        SparkSession spark = Sessions.openToMeasure(conf, options.job().get(Settings.EXECUTOR_WAIT), bar);
        try (ScratchFolder scratch =
                ScratchFolder.in(parent, spark.sessionState().newHadoopConf())) {
            return new PlanJob(spark, options, scratch.path().toString(), bar::phase).run();
        } finally {
            spark.stop();
        }
    }
}
