package nighttrain.jobs.compare;

import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import nighttrain.io.UserError;
import nighttrain.jobs.cli.Command;
import nighttrain.jobs.cli.ExitCode;
import nighttrain.jobs.cli.Figures;
import nighttrain.jobs.cli.Help;
import nighttrain.jobs.cli.ProgressBar;
import nighttrain.jobs.cli.RunOptions;
import nighttrain.jobs.cli.Sessions;
import nighttrain.jobs.cli.SettingOptions;
import nighttrain.jobs.cli.StopSignals;
import nighttrain.jobs.cli.Terminal;
import nighttrain.jobs.compare.Compare.Listener;
import nighttrain.jobs.compare.Comparison.Choice;
import nighttrain.pipeline.cluster.LoneExecutor;
import nighttrain.pipeline.job.JobFolder;
import nighttrain.pipeline.settings.Setting;
import nighttrain.pipeline.settings.SettingValues;
import nighttrain.pipeline.settings.Settings;
import org.apache.hadoop.conf.Configuration;
import org.apache.spark.SparkConf;
import org.apache.spark.deploy.SparkHadoopUtil;
import org.apache.spark.sql.SparkSession;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.ParseResult;

/** {@code nighttrain compare}: measures models and layouts side by side, on the same machine and the same prompts. */
public final class CompareCommand implements Command {
    private static final String CONFIG = "--config";
    private static final String OUTPUT = "--output";
    private static final String OVERWRITE = "--overwrite";
    private static final String MODELS = "--models";
    private static final String LAYOUTS = "--layouts";
    private static final String WORKLOADS = "--workloads";

    /** Settings that it shares with {@code generate}. */
    private static final List<Setting<?>> SHARED = List.of(Settings.EXECUTOR_WAIT);

    private final Terminal terminal;

    public CompareCommand(Terminal terminal) {
        this.terminal = terminal;
    }

    @Override
    public CommandSpec spec() {
        CommandSpec command = CommandSpec.create().name("compare");
        command.usageMessage()
                .description("Measures models and layouts side by side, on one machine and the same prompts.")
                .customSynopsis("nighttrain compare --config FILE [options]")
                .sortOptions(false)
                .footer(
                        "",
                        "Exit codes: 0 finished; 1 failed; 2 bad usage or input, nothing written; 3 finished, but a cell broke;",
                        "4 stopped. A comparison that was stopped or killed goes on after its last finished round when its",
                        "command is run again. What cannot work (does not fit, does not divide) is told in its cell.");
        List<OptionSpec> options = new ArrayList<>(List.of(
                RunOptions.option(CONFIG, "FILE", "what to compare, YAML; see conf/compare"),
                RunOptions.option(
                        OUTPUT, "PATH", "where figures and report go (default: comparisons/ and the file's name)"),
                OptionSpec.builder(OVERWRITE)
                        .description("forget the rounds that are there (default: go on from them)")
                        .build(),
                RunOptions.option(MODELS, "A,B", "only these of the models now; figures of others that are there stay"),
                RunOptions.option(LAYOUTS, "RxW,...", "only these of the layouts now"),
                RunOptions.option(WORKLOADS, "A,B", "only these of the workloads now"),
                RunOptions.master("this process, without Spark"),
                RunOptions.conf("")));
        SettingOptions.byHeading(SHARED).values().forEach(options::addAll);
        options.add(Help.option());
        Help.addOptions(command, Map.of("This run", options));
        return command;
    }

    @Override
    public ExitCode run(ParseResult given) throws InterruptedException {
        Comparison comparison = comparison(given);
        Choice choice = new Choice(names(given, MODELS), names(given, LAYOUTS), names(given, WORKLOADS));
        comparison.checkChoice(choice);
        SparkConf conf = Sessions.conf(RunOptions.master(given), RunOptions.conf(given));
        try (ProgressBar bar = new ProgressBar(terminal);
                StopSignals signals = new StopSignals(terminal, bar, "rounds")) {
            signals.onStop(Thread.currentThread()::interrupt);
            bar.phase("Looking at the machine");
            try (CompareSite site = CompareSite.open(conf, executorWait(given, conf), bar)) {
                String output = given.matchedOptionValue(OUTPUT, "comparisons/" + comparison.name());
                JobFolder folder = JobFolder.of(output, site.hadoop());
                CompareResult result = new Compare(comparison, folder, site.engines())
                        .run(choice, given.hasMatchedOption(OVERWRITE), new CompareProgress(bar));
                bar.close();
                terminal.out()
                        .print(CompareTable.of(result, folder.output().toUri().getPath()));
                return result.isBroken() ? ExitCode.TOO_MANY_ROW_ERRORS : ExitCode.FINISHED;
            } catch (Exception e) { // Spark wraps an interrupt in exceptions of its own
                if (signals.received()) {
                    return ExitCode.STOPPED;
                }
                throw e;
            }
        }
    }

    private static Duration executorWait(ParseResult given, SparkConf conf) {
        return SettingValues.resolve(
                        SettingOptions.given(given, SHARED), key -> Optional.ofNullable(conf.get(key, null)), Map.of())
                .get(Settings.EXECUTOR_WAIT);
    }

    private static Comparison comparison(ParseResult given) {
        return ComparisonFile.read(Path.of(Optional.<String>ofNullable(given.matchedOptionValue(CONFIG, null))
                .orElseThrow(() ->
                        UserError.of("missing option", CONFIG, "what to compare; see conf/compare for examples"))));
    }

    private static List<String> names(ParseResult given, String option) {
        return Arrays.stream(given.matchedOptionValue(option, "").split(","))
                .map(String::strip)
                .filter(name -> !name.isEmpty())
                .toList();
    }

    /**
     * Where a comparison measures: in this process, without Spark, or on an executor of a cluster until this is closed.
     *
     * @param engines where engines run
     * @param hadoop conf for access to the output
     * @param spark session, on a cluster only
     */
    private record CompareSite(Site engines, Configuration hadoop, Optional<SparkSession> spark)
            implements AutoCloseable {
        /** {@code executorWait}: longest wait for the executor. */
        static CompareSite open(SparkConf conf, Duration executorWait, ProgressBar bar) {
            if (!Sessions.isRemote(conf)) {
                return new CompareSite(
                        new ThisProcess(), SparkHadoopUtil.get().newConfiguration(conf), Optional.empty());
            }
            conf.set("spark.task.maxFailures", "1"); // a visit that crashes one executor would crash the next
            SparkSession spark = Sessions.openToMeasure(conf, executorWait, bar);
            return new CompareSite(
                    new ClusterExecutor(new LoneExecutor(spark.sparkContext())),
                    spark.sessionState().newHadoopConf(),
                    Optional.of(spark));
        }

        @Override
        public void close() {
            spark.ifPresent(SparkSession::stop);
        }
    }

    /** Prints a line for every finished round, which may take minutes; on a terminal, also the current phase. */
    private static final class CompareProgress implements Listener {
        private final ProgressBar bar;

        CompareProgress(ProgressBar bar) {
            this.bar = bar;
        }

        @Override
        public void phase(String what) {
            bar.phase(what);
        }

        @Override
        public void measured(FinishedRound round, int done, int total) {
            bar.line(String.format(
                    "%d of %d  %s: %s output tokens/s",
                    done, total, round.cell(), Figures.rate(round.figures().get(CompareResult.THROUGHPUT))));
        }

        @Override
        public void failed(String what, String why) {
            bar.line("left out  " + what + ": " + why);
        }
    }
}
