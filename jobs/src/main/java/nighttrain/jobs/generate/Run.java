package nighttrain.jobs.generate;

import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.count;
import static org.apache.spark.sql.functions.desc;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.min;

import java.io.IOException;
import java.util.List;
import java.util.stream.Collectors;
import nighttrain.io.table.Summary;
import nighttrain.io.table.SummaryFile;
import nighttrain.jobs.cli.ExitCode;
import nighttrain.jobs.cli.Figures;
import nighttrain.jobs.cli.ProgressBar;
import nighttrain.jobs.cli.Sessions;
import nighttrain.jobs.cli.StopSignals;
import nighttrain.jobs.cli.Terminal;
import nighttrain.pipeline.GenerateJob;
import nighttrain.pipeline.GenerateReport;
import nighttrain.pipeline.job.JobFolder;
import nighttrain.pipeline.settings.GenerateOptions;
import nighttrain.pipeline.settings.Settings;
import org.apache.hadoop.fs.Path;
import org.apache.spark.SparkConf;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;

/** Runs a job: starts Spark, shows progress, handles signals, prints the summary, stops Spark. */
final class Run {
    private static final int MOST_KINDS = 3;

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
                return exitCode(spark, report, options);
            } catch (Exception e) { // Scala throws checked exceptions that no signature declares
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
        return SummaryFile.read(file.getFileSystem(spark.sessionState().newHadoopConf()), file);
    }

    private ExitCode stopped(GenerateReport report, GenerateOptions options) {
        terminal.messages()
                .println("stopped in time: " + Figures.count(report.rowsLeft(), "row") + " of "
                        + Figures.count(report.rows() + report.rowsLeft()) + " left (--deadline "
                        + options.settings().get(Settings.DEADLINE) + "; the same command goes on from here)");
        return ExitCode.STOPPED;
    }

    private ExitCode exitCode(SparkSession spark, GenerateReport report, GenerateOptions options) {
        boolean allFailed = report.rows() > 0 && report.errors() == report.rows();
        List<Row> kinds = allFailed || report.tooManyErrors() ? errors(spark, report) : List.of();
        if (allFailed && kinds.size() == 1) { // the job is at fault, not the rows
            terminal.messages()
                    .println("every row failed, " + Figures.count(report.rows()) + " in all: "
                            + kinds.get(0).getString(2));
        } else if (report.tooManyErrors()) {
            String most = kinds.stream()
                    .map(kind -> Figures.count(kind.getLong(1)) + " " + kind.getString(0))
                    .collect(Collectors.joining(", "));
            terminal.messages()
                    .println("too many rows failed: " + Figures.count(report.errors()) + " of "
                            + Figures.count(report.rows()) + " (" + most + "; --max-row-errors allows "
                            + options.output().maxRowErrors()
                            + "; see error_message in the results, then try these rows again with --retry-errors, run"
                            + " them corrected as another job, or raise --max-row-errors)");
        }
        return report.tooManyErrors() ? ExitCode.TOO_MANY_ROW_ERRORS : ExitCode.FINISHED;
    }

    /** Returns the kinds of row errors, the count of each and one of its messages, the most frequent first. */
    private static List<Row> errors(SparkSession spark, GenerateReport report) {
        return spark.read()
                .parquet(JobFolder.read(new Path(report.output(), "results")))
                .where("error IS NOT NULL")
                .groupBy("error")
                .agg(count(lit(1)).as("rows"), min("error_message"))
                .orderBy(desc("rows"), col("error"))
                .limit(MOST_KINDS)
                .collectAsList();
    }
}
