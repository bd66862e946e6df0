package nighttrain.pipeline.runreport;

import static nighttrain.pipeline.report.Numbers.count;
import static nighttrain.pipeline.report.Numbers.figure;
import static nighttrain.pipeline.report.Numbers.millis;
import static nighttrain.pipeline.report.Numbers.percent;
import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.count;
import static org.apache.spark.sql.functions.desc;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.max;
import static org.apache.spark.sql.functions.min;
import static org.apache.spark.sql.functions.substring;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Stream;
import nighttrain.io.table.Summary;
import nighttrain.io.table.Summary.Throughput;
import nighttrain.pipeline.job.JobFolder;
import nighttrain.pipeline.report.BarChart;
import nighttrain.pipeline.report.BarChart.Bar;
import nighttrain.pipeline.report.BarChart.Group;
import nighttrain.pipeline.report.Block.Tiles;
import nighttrain.pipeline.report.Block.Tiles.Tile;
import nighttrain.pipeline.report.Page;
import nighttrain.pipeline.report.Page.Section;
import nighttrain.pipeline.report.Table;
import nighttrain.pipeline.write.MetricsTable;
import nighttrain.pipeline.write.RowFigures;
import org.apache.hadoop.fs.Path;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;

/**
 * Makes the page {@code report.html} of a finished job, from the written results and metrics and from the figures counted while they were
 * written.
 */
public final class RunReport {
    private RunReport() {}

    /**
     * Returns the page of a finished job.
     *
     * @param results the result files
     * @param metrics the metrics file
     * @param own sections of the row kind
     */
    public static Page of(
            SparkSession spark,
            Path results,
            Path metrics,
            Summary summary,
            List<Section> own,
            RowFigures figures,
            MetricsTable.Sums sums) {
        List<Section> sections = new ArrayList<>();
        sections.add(inShort(summary));
        sections.addAll(own);
        if (sums.endMs() > sums.startMs()) {
            Activity activity = Activity.in(MetricsTable.read(spark, metrics), sums);
            sections.add(ActivitySections.throughput(activity));
            sections.addAll(DistributionSections.of(figures));
            sections.add(ActivitySections.executors(activity));
        } else {
            sections.addAll(DistributionSections.of(figures));
        }
        if (summary.errors() > 0) {
            sections.add(ErrorSection.of(ErrorClass.in(spark.read().parquet(JobFolder.read(results))), summary.rows()));
        }
        sections.add(new Section(
                "Settings",
                "Every setting of the job, defaults included.",
                List.of(Table.of("", "setting", "value", summary.settings()))));
        return new Page("Night Train: " + count(summary.rows()) + " rows", lead(summary), sections, foot(summary));
    }

    /** A run without rows of its own has seen no engine, and so no layout and no device. */
    private static String lead(Summary summary) {
        if (summary.layout().isEmpty()) {
            return summary.architecture();
        }
        int gpus = summary.throughput().gpus();
        return summary.architecture() + ", " + summary.layout() + " (replicas x ranks), "
                + (gpus == 0 ? "on the CPU" : gpus == 1 ? "on 1 GPU" : "on " + count(gpus) + " GPUs");
    }

    private static Section inShort(Summary summary) {
        double errorShare = summary.rows() == 0 ? 0 : (double) summary.errors() / summary.rows();
        List<Tile> tiles = List.of(
                new Tile("Rows", count(summary.rows()), ""),
                new Tile("Errors", count(summary.errors()), percent(errorShare) + " of the rows"),
                new Tile(
                        "Duration",
                        millis(summary.wallS() * 1000),
                        "of the run that finished the job" + generating(summary.throughput())),
                new Tile(
                        "Prompt tokens",
                        count(summary.promptTokens()),
                        rate(summary.throughput().promptTokensPerS())),
                new Tile(
                        "Output tokens",
                        count(summary.outputTokens()),
                        rate(summary.throughput().outputTokensPerS())),
                new Tile(
                        "Found in the prefix cache",
                        count(summary.saved().cachedPromptTokens()),
                        "prompt tokens of all requests"),
                new Tile("Communication", percent(summary.commShare()), "of step time"));
        return new Section("In short", "", List.of(new Tiles(tiles), Table.of("", "", "", facts(summary))));
    }

    private static String rate(double tokensPerS) {
        return figure(tokensPerS) + " tokens/s while generating";
    }

    private static String generating(Throughput throughput) {
        return throughput.generatingS() > 0 ? ", " + millis(throughput.generatingS() * 1000) + " of it generating" : "";
    }

    private static Map<String, String> facts(Summary summary) {
        Map<String, String> facts = new LinkedHashMap<>();
        facts.put("architecture", summary.architecture());
        facts.put("layout", summary.layout());
        if (!summary.batch().isEmpty()) {
            facts.put("batch", summary.batch());
        }
        facts.put("model fingerprint", summary.modelFingerprint());
        summary.versions().forEach((name, version) -> facts.put("version of " + name, version));
        return facts;
    }

    private static String foot(Summary summary) {
        return "Written by Night Train " + summary.versions().getOrDefault("night-train", "")
                + ". Rates are tokens of the run that finished the job over its time from the first task to the last row; rows and tokens are"
                + " those of the whole job.";
    }

    /** Makes the section on errors: their numbers and examples of their messages. */
    static final class ErrorSection {
        private ErrorSection() {}

        static Section of(List<ErrorClass> classes, long rows) {
            List<Bar> bars = classes.stream()
                    .map(it -> {
                        double n = it.rows();
                        return new Bar(
                                it.kind(), n, n, n, nighttrain.pipeline.report.Numbers.percent(n / rows) + " of all");
                    })
                    .toList();
            List<List<String>> examples = classes.stream()
                    .flatMap(it -> it.examples().stream().map(message -> List.of(it.kind(), message)))
                    .toList();
            return new Section(
                    "Errors",
                    "The results have the same in their columns error and error_message, for every row.",
                    List.of(
                            new BarChart("Rows by error", "", "error", "rows", List.of(new Group("", bars))),
                            new Table(
                                    "Examples",
                                    List.of(Table.Column.text("error"), Table.Column.text("message")),
                                    examples)));
        }
    }

    /**
     * Rows that failed in the same way.
     *
     * @param kind kind of the error, as in the column {@code error}
     * @param rows number of rows
     * @param examples some of their messages, the same on every call
     */
    record ErrorClass(String kind, long rows, List<String> examples) {
        private static final int CLASSES = 50;
        private static final int MESSAGE_CHARS = 500;

        /** Returns the error classes of a results table, the most frequent first. */
        static List<ErrorClass> in(Dataset<Row> results) {
            Column message = substring(col("error_message"), 1, MESSAGE_CHARS);
            return results
                    .filter(col("error").isNotNull())
                    .groupBy("error")
                    .agg(
                            count(lit(1)).as("rows"),
                            min(message).as("first"),
                            max(message).as("last"))
                    .orderBy(desc("rows"), col("error"))
                    .limit(CLASSES)
                    .collectAsList()
                    .stream()
                    .map(ErrorClass::of)
                    .toList();
        }

        private static ErrorClass of(Row row) {
            List<String> examples = Stream.of(row.<String>getAs("first"), row.<String>getAs("last"))
                    .filter(Objects::nonNull)
                    .distinct()
                    .toList();
            return new ErrorClass(row.getAs("error"), row.<Long>getAs("rows"), examples);
        }
    }
}
