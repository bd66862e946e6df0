package nighttrain.jobs.plan;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import nighttrain.executor.perf.HardwareProfile;
import nighttrain.io.UserError;
import nighttrain.jobs.cli.Command;
import nighttrain.jobs.cli.ExitCode;
import nighttrain.jobs.cli.Help;
import nighttrain.jobs.cli.JsonOutput;
import nighttrain.jobs.cli.ProgressBar;
import nighttrain.jobs.cli.RunOptions;
import nighttrain.jobs.cli.Sessions;
import nighttrain.jobs.cli.SettingOptions;
import nighttrain.jobs.cli.Terminal;
import nighttrain.pipeline.job.UserPath;
import nighttrain.pipeline.settings.SettingValues;
import nighttrain.pipeline.settings.Settings;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.fs.permission.FsPermission;
import org.apache.hadoop.util.ShutdownHookManager;
import org.apache.spark.SparkConf;
import org.apache.spark.sql.SparkSession;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.ParseResult;

/** {@code nighttrain plan}: forecasts what a job will take before it runs. */
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
                .sortOptions(false)
                .footer(
                        "",
                        "The options of a job say what is planned. Those that say where results go and when the job stops",
                        "(--output, --deadline, ...) are accepted and change nothing. Exit codes: 0 planned; 1 failed; 2 bad",
                        "usage or input, or a model that fits nowhere.");
        Map<String, List<OptionSpec>> options = SettingOptions.byHeading(PlanOptions.all());
        options.put(
                "This run",
                List.of(
                        JsonOutput.option("the plan, for generate --plan,"),
                        RunOptions.master("Spark inside this process"),
                        RunOptions.conf("; settings too, as spark.nighttrain.maxTokens=64"),
                        RunOptions.config(),
                        Help.option()));
        Help.addOptions(command, options);
        SettingOptions.hidden(PlanOptions.unused()).forEach(command::addOption);
        return command;
    }

    @Override
    public ExitCode run(ParseResult parsed) throws IOException, InterruptedException {
        SparkConf conf = Sessions.conf(RunOptions.master(parsed), RunOptions.conf(parsed));
        // The trial runs rows as a job does, and would write to the job's own output table.
        SettingValues job = SettingValues.resolve(
                        SettingOptions.given(parsed, PlanOptions.ofTheJob()),
                        key -> Optional.ofNullable(conf.get(key, null)),
                        RunOptions.config(parsed))
                .only(PlanOptions.ofTheJob());
        Map<String, Object> own = SettingOptions.given(parsed, PlanOptions.own());
        PlanOptions options = options(own, job);
        Optional<String> scratch = PlanOptions.find(own, PlanOptions.SCRATCH);
        requireScratch(conf, scratch);
        Optional<JsonOutput> file = JsonOutput.of(parsed);
        try (ProgressBar bar = new ProgressBar(terminal)) {
            Plan plan = plan(conf, options, scratch, bar);
            bar.close();
            terminal.out().print(PlanTable.of(plan));
            file.ifPresent(json -> json.write(PlanJson.of(plan)));
            return ExitCode.FINISHED;
        }
    }

    private static PlanOptions options(Map<String, Object> own, SettingValues job) {
        Optional<String> hardware = PlanOptions.find(own, PlanOptions.HARDWARE);
        Optional<HardwareProfile> profile = hardware.map(HardwareReader::read);
        Optional<Double> usd = PlanOptions.find(own, PlanOptions.PRICES)
                .map(prices -> HardwareReader.price(java.nio.file.Path.of(prices), hardware.orElse(CPU)));
        return PlanOptions.of(own, job, profile, usd);
    }

    private static void requireScratch(SparkConf conf, Optional<String> scratch) {
        if (Sessions.isRemote(conf) && scratch.isEmpty()) {
            throw UserError.of(
                    "missing option",
                    PlanOptions.SCRATCH.option(),
                    "executors of a cluster keep the trial's rows in it; give a folder that they reach");
        }
    }

    /** Makes the plan. Spark opens no engine by itself; the trial opens one where the plan needs it. */
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

    /** A folder for temporary files: it is deleted when it is closed, or with this process where a signal ends that. */
    private static final class ScratchFolder implements AutoCloseable {
        /** Runs the shutdown hook after Spark has stopped writing and before file systems are closed. */
        private static final int LATE = FileSystem.SHUTDOWN_HOOK_PRIORITY + 1;

        /** Permissions of the owner alone, as the folder holds a user's rows. */
        private static final FsPermission MINE = new FsPermission((short) 0700);

        private final FileSystem fs;
        private final Path path;
        private final Runnable hook = this::delete;

        private ScratchFolder(FileSystem fs, Path path) {
            this.fs = fs;
            this.path = path;
        }

        /** Creates a folder in {@code parent}; empty: in this machine's temporary folder. */
        static ScratchFolder in(Optional<String> parent, Configuration hadoop) throws IOException {
            Path path = new Path(
                    UserPath.of(parent.orElse("file:" + System.getProperty("java.io.tmpdir")), hadoop),
                    "nighttrain-" + UUID.randomUUID());
            ScratchFolder folder = new ScratchFolder(path.getFileSystem(hadoop), path);
            ShutdownHookManager.get().addShutdownHook(folder.hook, LATE);
            folder.fs.mkdirs(path, MINE);
            return folder;
        }

        Path path() {
            return path;
        }

        private void delete() {
            try {
                fs.delete(path, true);
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }

        @Override
        public void close() {
            ShutdownHookManager.get().removeShutdownHook(hook);
            delete();
        }
    }
}
