package nighttrain.pipeline;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.CancellationException;
import java.util.function.DoubleSupplier;
import java.util.stream.Collectors;
import nighttrain.io.Causes;
import nighttrain.io.table.Summary;
import nighttrain.io.table.Summary.Incidents;
import nighttrain.io.table.Summary.Saved;
import nighttrain.io.table.Summary.Throughput;
import nighttrain.io.table.SummaryFile;
import nighttrain.pipeline.RunFault.TableFault;
import nighttrain.pipeline.cluster.ExecutorLosses;
import nighttrain.pipeline.job.JobFolder;
import nighttrain.pipeline.job.Versions;
import nighttrain.pipeline.read.PromptTable;
import nighttrain.pipeline.report.Page;
import nighttrain.pipeline.report.Page.Section;
import nighttrain.pipeline.resume.CompletedRows;
import nighttrain.pipeline.resume.Duplicates;
import nighttrain.pipeline.resume.JournalTable;
import nighttrain.pipeline.row.RowKind.Findings;
import nighttrain.pipeline.runreport.RunReport;
import nighttrain.pipeline.task.TaskCounters.EngineUsed;
import nighttrain.pipeline.write.MetricsTable;
import nighttrain.pipeline.write.OutputTable;
import nighttrain.pipeline.write.PeoplesTable;
import nighttrain.pipeline.write.ResultTable;
import nighttrain.pipeline.write.RowFigures;
import org.apache.hadoop.fs.Path;
import org.apache.spark.SparkThrowable;
import org.apache.spark.sql.SparkSession;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Turns the journal of a job into its results, tables, summary and report. A kill is safe at any point: a file is renamed to its final name
 * when it is whole, a table gets all rows in one commit that is made once, the summary is written last, and the journal is deleted after
 * it, unless too many rows failed. So the next run finds either a complete job or the whole journal.
 */
final class Commit {
    private static final Logger LOG = LoggerFactory.getLogger(Commit.class);

    private final SparkSession spark;
    private final PreparedJob job;
    private final String runId;
    private final JobFolder folder;
    private final List<EngineUsed> engines;
    private final ExecutorLosses losses;

    /** {@code engines}: the engines that ran; {@code losses}: the executors and tasks that were lost. */
    Commit(SparkSession spark, PreparedJob job, String runId, List<EngineUsed> engines, ExecutorLosses losses) {
        this.spark = spark;
        this.job = job;
        this.runId = runId;
        this.folder = job.folder();
        this.engines = engines;
        this.losses = losses;
    }

    GenerateReport write(
            PromptTable prompts,
            JournalTable journal,
            Duplicates duplicates,
            CompletedRows earlier,
            double generatingS,
            DoubleSupplier elapsedS) {
        Map<String, String> versions = Versions.of(spark.sparkContext());
        Path results = folder.scratch(runId, "results");
        RowFigures figures = new RowFigures();
        ResultTable table = new ResultTable(prompts, duplicates.answered(journal.results()), job.options());
        table.write(results, provenance(versions), figures);
        if (figures.rows() != prompts.rows() * job.options().samples()) {
            throw new IllegalStateException("results have " + figures.rows() + " rows, the input " + prompts.rows()
                    + " with " + job.options().samples() + " samples each");
        }
        CompletedRows computed = computed(journal, duplicates, figures);
        folder.replace(results, folder.results());
        Path responses = folder.scratch(runId, "responses");
        if (table.writeResponses(responses)) {
            folder.replace(responses, folder.responses());
        }
        MetricsTable.Sums engineSums = writeMetrics(journal);
        Optional<Findings> findings = findings(engineSums);
        writeToTable(figures.rows());
        losses.settle();

        Summary summary = new Summary(
                figures.rows(),
                figures.errors(),
                elapsedS.getAsDouble(),
                figures.promptTokens(),
                figures.outputTokens(),
                throughput(computed, earlier, generatingS),
                new Saved(
                        engineSums.cachedPromptTokens(),
                        figures.rows() - computed.outputs(),
                        figures.promptTokens()
                                + figures.outputTokens()
                                - computed.promptTokens()
                                - computed.outputTokens()),
                figures.percentilesOf("ttft_ms"),
                figures.percentilesOf("tpot_ms"),
                figures.percentilesOf("e2e_ms"),
                engineSums.commShare(),
                engines.stream().map(EngineUsed::layout).distinct().collect(Collectors.joining(", ")),
                engines.stream()
                        .map(EngineUsed::batch)
                        .filter(batch -> !batch.isEmpty())
                        .distinct()
                        .collect(Collectors.joining("; ")),
                job.model().architecture(),
                job.model().fingerprint(),
                new Incidents(losses.executors(), losses.tasks(), figures.retried(), figures.quarantined()),
                findings.map(Findings::figures),
                job.prediction(),
                versions,
                job.options().settings().asText());
        draw(summary, findings, figures, engineSums);
        SummaryFile.write(folder.fs(), folder.summary(), summary);
        GenerateReport report = GenerateReport.of(
                folder, summary, earlier.outputs(), job.options().output().maxRowErrors());
        folder.tidy(report.tooManyErrors());
        return report;
    }

    private void writeToTable(long rows) {
        Optional<OutputTable> table = OutputTable.of(spark, job.options()).filter(it -> rows > 0);
        if (table.isEmpty()) {
            return;
        }
        try {
            table.get().commit(spark.read().parquet(JobFolder.read(folder.results())), folder.commitName(runId));
        } catch (Exception refused) { // Scala throws checked exceptions that no signature names
            throwIfCancelled(refused);
            throw new TableFault(table.get().name(), refused);
        }
    }

    /** Returns the findings that the row kind computes from the written results, and writes their tables. */
    private Optional<Findings> findings(MetricsTable.Sums sums) {
        Optional<Findings> findings =
                job.options().input().kind().findings(() -> spark.read().parquet(JobFolder.read(folder.results())));
        findings.ifPresent(found -> {
            found.figures().put("prefix_cache_hit_rate", sums.cachedShare());
            writeTables(found, folder, runId);
        });
        return findings;
    }

    /** Writes each table of the findings as Parquet and as CSV. */
    static void writeTables(Findings findings, JobFolder folder, String runId) {
        findings.tables().forEach((name, rows) -> {
            PeoplesTable table = new PeoplesTable(rows);
            Path parquet = folder.scratch(runId, name);
            table.writeParquet(parquet);
            folder.replace(parquet, folder.forPeople(name));
            Path csv = folder.scratch(runId, name + "-csv");
            table.writeCsv(csv);
            folder.replace(csv, folder.forPeople(name + "-csv"));
        });
    }

    /** A failure to write metrics does not fail the job. */
    private MetricsTable.Sums writeMetrics(JournalTable journal) {
        Path metrics = folder.scratch(runId, "metrics");
        try {
            MetricsTable.Sums sums = new MetricsTable(journal.metrics()).write(metrics);
            folder.replace(metrics, folder.metrics());
            return sums;
        } catch (Exception unwritten) { // Scala throws checked exceptions that no signature names
            throwIfCancelled(unwritten);
            LOG.warn("the metrics table was not written; the results are whole", unwritten);
            return MetricsTable.Sums.NOTHING;
        }
    }

    /** A failure to draw the report does not fail the job. */
    private void draw(Summary summary, Optional<Findings> findings, RowFigures figures, MetricsTable.Sums sums) {
        try {
            List<Section> own = findings.map(Findings::sections).orElse(List.of());
            Page page = RunReport.of(spark, folder.results(), folder.metrics(), summary, own, figures, sums);
            folder.writeReport(page.render());
        } catch (Exception undrawn) { // Scala throws checked exceptions that no signature names
            throwIfCancelled(undrawn);
            LOG.warn("report.html was not written; the results and summary.json are whole", undrawn);
        }
    }

    private Map<String, String> provenance(Map<String, String> versions) {
        Map<String, String> provenance = new TreeMap<>();
        provenance.put("fingerprint", job.fingerprint().digest());
        provenance.put("model_fingerprint", job.model().fingerprint());
        versions.forEach((name, version) -> provenance.put("version." + name, version));
        return provenance;
    }

    /** Counts what all runs computed: the results without copies of duplicates. */
    private static CompletedRows computed(JournalTable journal, Duplicates duplicates, RowFigures figures) {
        return duplicates.count() > 0
                ? CompletedRows.in(journal, duplicates)
                : new CompletedRows(figures.rows(), figures.errors(), figures.promptTokens(), figures.outputTokens());
    }

    /** Returns the rates of this run; rows of earlier runs do not count. */
    private Throughput throughput(CompletedRows computed, CompletedRows earlier, double seconds) {
        int gpus = engines.stream().mapToInt(EngineUsed::gpus).sum();
        return Throughput.of(
                computed.promptTokens() - earlier.promptTokens(),
                computed.outputTokens() - earlier.outputTokens(),
                seconds,
                gpus);
    }

    /** Throws if the user cancelled the run, as Ctrl-C does: a cancelled run must not continue without its metrics or its report. */
    private static void throwIfCancelled(Throwable failure) {
        boolean cancelled = Causes.of(failure)
                .anyMatch(cause ->
                        cause instanceof SparkThrowable known && "SPARK_JOB_CANCELLED".equals(known.getErrorClass()));
        if (cancelled) {
            CancellationException stopped =
                    new CancellationException("the run was cancelled while its results were written");
            stopped.initCause(failure);
            throw stopped;
        }
    }
}
