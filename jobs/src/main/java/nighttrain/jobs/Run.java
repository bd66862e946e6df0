package nighttrain.jobs;

import java.io.IOException;
import nighttrain.io.table.Summary;
import nighttrain.pipeline.GenerateJob;
import nighttrain.pipeline.GenerateReport;
import nighttrain.pipeline.settings.GenerateOptions;
import nighttrain.pipeline.settings.Settings;
import org.apache.hadoop.fs.Path;
import org.apache.spark.SparkConf;
import org.apache.spark.sql.SparkSession;

/** One run of a job: Spark up, progress shown, signals heard, summary printed, Spark down. */
final class Run {
    private final Terminal terminal;

    Run(Terminal terminal) {
        this.terminal = terminal;
    }

    ExitCode generate(SparkConf conf, GenerateOptions options) throws IOException {
        try (ProgressBar bar = new ProgressBar(terminal);
                StopSignals signals = new StopSignals(terminal, bar, "rows")) {
            bar.phase("Starting Spark");
            SparkSession spark = Sessions.open(conf, options.settings());
            try {
                signals.onStop(() -> spark.sparkContext().cancelAllJobs());
                bar.phase("Looking at model and input");
                GenerateReport report = new GenerateJob().run(spark, options, bar);
                bar.close();
                if (report.rowsLeft() > 0) {
                    return stopped(report, options);
                }
                terminal.out().print(ClosingSummary.of(report, summary(spark, report)));
                return exitCode(report, options);
            } catch (Exception e) { // Scala throws checked ones that no signature names
                if (signals.received()) {
                    return ExitCode.STOPPED;
                }
                throw e;
            } finally {
                spark.stop();
            }
        }
    }

    private static Summary summary(SparkSession spark, GenerateReport report) throws IOException {
        Path file = new Path(report.output(), "summary.json");
        return Summary.read(file.getFileSystem(spark.sessionState().newHadoopConf()), file);
    }

    private ExitCode stopped(GenerateReport report, GenerateOptions options) {
        terminal.messages()
                .println("stopped in time: " + Figures.count(report.rowsLeft(), "row") + " of "
                        + Figures.count(report.rows() + report.rowsLeft()) + " left (--deadline "
                        + options.settings().get(Settings.DEADLINE) + "; the same command goes on from here)");
        return ExitCode.STOPPED;
    }

    private ExitCode exitCode(GenerateReport report, GenerateOptions options) {
        if (!report.tooManyErrors()) {
            return ExitCode.FINISHED;
        }
        terminal.messages()
                .println("too many rows failed: " + Figures.count(report.errors()) + " of "
                        + Figures.count(report.rows()) + " (--max-row-errors allows "
                        + options.output().maxRowErrors() + "; the results say why in error and error_message)");
        return ExitCode.TOO_MANY_ROW_ERRORS;
    }
}
