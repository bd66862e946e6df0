package nighttrain.jobs;

import nighttrain.pipeline.GenerateJob;
import nighttrain.pipeline.GenerateReport;
import nighttrain.pipeline.settings.GenerateOptions;
import org.apache.spark.SparkConf;
import org.apache.spark.sql.SparkSession;

/** One run of a job: Spark up, progress shown, signals heard, summary printed, Spark down. */
final class Run {
    private final Terminal terminal;

    Run(Terminal terminal) {
        this.terminal = terminal;
    }

    ExitCode generate(SparkConf conf, GenerateOptions options) {
        try (ProgressBar bar = new ProgressBar(terminal);
                StopSignals signals = new StopSignals(terminal, bar)) {
            bar.phase("Starting Spark");
            SparkSession spark = Sessions.open(conf, options.settings());
            try {
                signals.onStop(() -> spark.sparkContext().cancelAllJobs());
                bar.phase("Looking at model and input");
                GenerateReport report = new GenerateJob().run(spark, options, bar);
                bar.close();
                terminal.out().print(ClosingSummary.of(report));
                return exitCode(report);
            } catch (RuntimeException e) {
                if (signals.received()) {
                    return ExitCode.STOPPED;
                }
                throw e;
            } finally {
                spark.stop();
            }
        }
    }

    private static ExitCode exitCode(GenerateReport report) {
        if (report.rowsLeft() > 0) {
            return ExitCode.STOPPED;
        }
        return report.tooManyErrors() ? ExitCode.TOO_MANY_ROW_ERRORS : ExitCode.FINISHED;
    }
}
