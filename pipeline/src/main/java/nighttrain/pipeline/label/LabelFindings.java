package nighttrain.pipeline.label;

import static org.apache.spark.sql.functions.avg;
import static org.apache.spark.sql.functions.ceil;
import static org.apache.spark.sql.functions.coalesce;
import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.concat_ws;
import static org.apache.spark.sql.functions.count;
import static org.apache.spark.sql.functions.desc;
import static org.apache.spark.sql.functions.explode;
import static org.apache.spark.sql.functions.greatest;
import static org.apache.spark.sql.functions.least;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.row_number;
import static org.apache.spark.sql.functions.when;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.IntStream;
import nighttrain.pipeline.label.GoldMetrics.Bin;
import nighttrain.pipeline.label.GoldMetrics.OfLabel;
import nighttrain.pipeline.report.BarChart;
import nighttrain.pipeline.report.BarChart.Bar;
import nighttrain.pipeline.report.BarChart.Group;
import nighttrain.pipeline.report.Block;
import nighttrain.pipeline.report.Block.Tiles;
import nighttrain.pipeline.report.Block.Tiles.Tile;
import nighttrain.pipeline.report.LineChart;
import nighttrain.pipeline.report.LineChart.Line;
import nighttrain.pipeline.report.Numbers;
import nighttrain.pipeline.report.Page.Section;
import nighttrain.pipeline.report.Table;
import nighttrain.pipeline.row.RowKind.Findings;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.expressions.Window;
import org.apache.spark.sql.types.DataTypes;

/**
 * Computes the findings of a label job from its results: how often each label was given, how often it was right, and which rows people
 * should review.
 */
final class LabelFindings {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final int MISTAKES = 20;
    private static final String LABEL = "label";
    private static final String LABELS = "labels";
    private static final String CONFIDENCE = "confidence";
    /** Helper column, whose name no column of a user has. */
    private static final String RANK = "_nt_uncertain";

    private final Dataset<Row> results;
    private final LabelOptions options;
    private final ObjectNode figures = JSON.createObjectNode();
    private final List<Section> sections = new ArrayList<>();

    private LabelFindings(Dataset<Row> results, LabelOptions options) {
        this.results = results;
        this.options = options;
    }

    static Findings of(Dataset<Row> results, LabelOptions options) {
        LabelFindings findings = new LabelFindings(results, options);
        findings.countLabels();
        if (options.gold() != null) {
            findings.compareWithGold();
        }
        Map<String, Dataset<Row>> tables = options.review() > 0 ? Map.of("review", findings.review()) : Map.of();
        return new Findings(findings.figures, findings.sections, tables);
    }

    private boolean each() {
        return options.questions().each();
    }

    private void countLabels() {
        Dataset<Row> given = each() ? results.select(explode(col(LABELS)).as(LABEL)) : results.select(LABEL);
        Map<String, Long> counts = new LinkedHashMap<>();
        options.names().forEach(name -> counts.put(name, 0L));
        for (Row row : given.filter(col(LABEL).isNotNull())
                .groupBy(LABEL)
                .agg(count(lit(1)))
                .collectAsList()) {
            counts.put(row.getString(0), row.getLong(1));
        }
        Row sums = results.filter(col("error").isNull())
                .agg(
                        count(lit(1)),
                        count(when(col(each() ? LABELS : LABEL).isNull(), 1)),
                        avg(CONFIDENCE),
                        count(col("label_error")))
                .head();
        ObjectNode labels = figures.putObject("rows_by_label");
        counts.forEach(labels::put);
        figures.put("rows_without_label", sums.getLong(1)).put("rows_with_label_error", sums.getLong(3));
        put(figures, "mean_confidence", sums.isNullAt(2) ? Double.NaN : sums.getDouble(2));
        List<Bar> bars = counts.entrySet().stream()
                .map(label -> Bar.of(label.getKey(), label.getValue()))
                .toList();
        sections.add(new Section(
                "Labels",
                Numbers.count(sums.getLong(1)) + " rows without error have no label"
                        + (options.abstainBelow() > 0 ? " (--abstain-below " + options.abstainBelow() + ")." : "."),
                List.of(new BarChart("Rows by label", "", LABEL, "rows", List.of(new Group("", bars))))));
    }

    // --- Gold ---

    private Column gold() {
        return col("`" + options.gold().replace("`", "``") + "`").cast(DataTypes.StringType);
    }

    /** Returns the rows that are compared with gold: those without an error whose gold label is one of the labels. */
    private Dataset<Row> rated() {
        return results.withColumn("gold_label", gold())
                .filter(col("error").isNull().and(col("gold_label").isInCollection(options.names())));
    }

    private void compareWithGold() {
        GoldMetrics metrics = metrics();
        List<Bin> bins = bins();
        long unknown = results.filter(col("error").isNull().and(gold().isNotNull()))
                .filter(gold().isInCollection(options.names()).equalTo(lit(false)))
                .count();
        long without =
                results.filter(col("error").isNull().and(gold().isNull())).count();
        List<Row> mistakes = mistakes();
        ObjectNode json = figures.putObject("gold");
        json.put("column", options.gold());
        json.put(
                "rows",
                metrics.answered()
                        + java.util.stream.LongStream.of(metrics.abstained()).sum());
        json.put("rows_with_unknown_gold", unknown).put("rows_without_gold", without);
        put(json, "coverage", metrics.coverage());
        put(json, "accuracy", metrics.accuracy());
        put(json, "macro_f1", metrics.macroF1());
        put(json, "ece", GoldMetrics.ece(bins));
        putLabels(json.putArray("labels"), metrics);
        putBins(json.putArray("calibration"), bins);
        putMistakes(json.putArray("mistakes"), mistakes);
        sections.add(section(metrics, bins, unknown, mistakes));
    }

    private GoldMetrics metrics() {
        List<String> names = options.names();
        long[][] confusion = new long[names.size()][names.size()];
        long[] abstained = new long[names.size()];
        for (Row row : rated().groupBy("gold_label", LABEL).agg(count(lit(1))).collectAsList()) {
            int right = names.indexOf(row.getString(0));
            if (row.isNullAt(1)) {
                abstained[right] += row.getLong(2);
            } else {
                confusion[right][names.indexOf(row.getString(1))] += row.getLong(2);
            }
        }
        return new GoldMetrics(names, confusion, abstained);
    }

    private List<Bin> bins() {
        // (0, 0.1], (0.1, 0.2], ...
        Column bin = greatest(
                        lit(0),
                        least(lit(GoldMetrics.BINS), ceil(col(CONFIDENCE).multiply(GoldMetrics.BINS)))
                                .minus(1))
                .cast(DataTypes.IntegerType);
        Column right = when(col(LABEL).equalTo(col("gold_label")), 1.0).otherwise(0.0);
        List<Bin> bins = new ArrayList<>(Collections.nCopies(GoldMetrics.BINS, new Bin(0, Double.NaN, Double.NaN)));
        for (Row row : rated().filter(col(LABEL).isNotNull())
                .groupBy(bin.as("bin"))
                .agg(count(lit(1)), avg(CONFIDENCE), avg(right))
                .collectAsList()) {
            bins.set(row.getInt(0), new Bin(row.getLong(1), row.getDouble(2), row.getDouble(3)));
        }
        return bins;
    }

    private List<Row> mistakes() {
        return rated().filter(col(LABEL).notEqual(col("gold_label")))
                .orderBy(desc(CONFIDENCE), col("id"))
                .limit(MISTAKES)
                .select(col("id").cast(DataTypes.StringType), col("gold_label"), col(LABEL), col(CONFIDENCE))
                .collectAsList();
    }

    private static void putLabels(ArrayNode json, GoldMetrics metrics) {
        List<OfLabel> labels = metrics.perLabel();
        for (int i = 0; i < labels.size(); i++) {
            OfLabel label = labels.get(i);
            ObjectNode node = json.addObject();
            node.put(LABEL, label.label()).put("support", label.support()).put("predicted", label.predicted());
            put(node, "precision", label.precision());
            put(node, "recall", label.recall());
            put(node, "f1", label.f1());
            ObjectNode given = node.putObject("given");
            for (int j = 0; j < labels.size(); j++) {
                given.put(labels.get(j).label(), metrics.confusion()[i][j]);
            }
            node.put("abstained", metrics.abstained()[i]);
        }
    }

    private static void putBins(ArrayNode json, List<Bin> bins) {
        for (int i = 0; i < bins.size(); i++) {
            ObjectNode node = json.addObject();
            node.put("from", i / (double) GoldMetrics.BINS).put("to", (i + 1) / (double) GoldMetrics.BINS);
            node.put("rows", bins.get(i).rows());
            put(node, CONFIDENCE, bins.get(i).confidence());
            put(node, "accuracy", bins.get(i).accuracy());
        }
    }

    private static void putMistakes(ArrayNode json, List<Row> mistakes) {
        for (Row row : mistakes) {
            json.addObject()
                    .put("id", row.getString(0))
                    .put("gold", row.getString(1))
                    .put(LABEL, row.getString(2))
                    .put(CONFIDENCE, row.getDouble(3));
        }
    }

    /** Puts a number; null where it is not finite, since JSON has no NaN. */
    private static void put(ObjectNode json, String name, double value) {
        if (Double.isFinite(value)) {
            json.put(name, value);
        } else {
            json.putNull(name);
        }
    }

    private Section section(GoldMetrics metrics, List<Bin> bins, long unknown, List<Row> mistakes) {
        List<Block> blocks = new ArrayList<>();
        blocks.add(new Tiles(List.of(
                new Tile("Accuracy", share(metrics.accuracy()), "of " + Numbers.count(metrics.answered()) + " labels"),
                new Tile("Macro F1", share(metrics.macroF1()), "mean over labels"),
                new Tile("Calibration error", share(GoldMetrics.ece(bins)), "ECE, 10 bins"),
                new Tile("Coverage", share(metrics.coverage()), "of the rows have a label"),
                new Tile("Unknown gold labels", Numbers.count(unknown), "rows, not counted"))));
        blocks.add(new LineChart(
                "Calibration",
                "Where the lines meet, a confidence of 80 % is right in 80 of 100 rows.",
                new LineChart.X(CONFIDENCE, "share", mids(bins)),
                "share",
                List.of(
                        new Line("accuracy", bins.stream().map(Bin::accuracy).toList()),
                        new Line(
                                "mean confidence",
                                bins.stream().map(Bin::confidence).toList()))));
        blocks.add(perLabel(metrics));
        blocks.add(confusion(metrics));
        if (!mistakes.isEmpty()) {
            blocks.add(new Table(
                    "The most confident mistakes",
                    List.of(
                            Table.Column.text("id"),
                            Table.Column.text("gold"),
                            Table.Column.text(LABEL),
                            Table.Column.figures(CONFIDENCE)),
                    mistakes.stream()
                            .map(row -> List.of(
                                    row.getString(0), row.getString(1), row.getString(2), share(row.getDouble(3))))
                            .toList()));
        }
        return new Section("Labels and gold", "Compared with the column " + options.gold() + ".", blocks);
    }

    private static List<Double> mids(List<Bin> bins) {
        return IntStream.range(0, bins.size())
                .mapToObj(i -> (i + 0.5) / GoldMetrics.BINS)
                .toList();
    }

    private static Table perLabel(GoldMetrics metrics) {
        return new Table(
                "By label",
                List.of(
                        Table.Column.text(LABEL),
                        Table.Column.figures("gold rows"),
                        Table.Column.figures("given"),
                        Table.Column.figures("precision"),
                        Table.Column.figures("recall"),
                        Table.Column.figures("F1")),
                metrics.perLabel().stream()
                        .map(it -> List.of(
                                it.label(),
                                Numbers.count(it.support()),
                                Numbers.count(it.predicted()),
                                share(it.precision()),
                                share(it.recall()),
                                share(it.f1())))
                        .toList());
    }

    private static Table confusion(GoldMetrics metrics) {
        List<Table.Column> columns = new ArrayList<>(List.of(Table.Column.text("gold, given")));
        metrics.labels().forEach(name -> columns.add(Table.Column.figures(name)));
        columns.add(Table.Column.figures("(none)"));
        List<List<String>> rows = new ArrayList<>();
        for (int i = 0; i < metrics.labels().size(); i++) {
            List<String> row = new ArrayList<>(List.of(metrics.labels().get(i)));
            for (long cell : metrics.confusion()[i]) {
                row.add(Numbers.count(cell));
            }
            row.add(Numbers.count(metrics.abstained()[i]));
            rows.add(row);
        }
        return new Table("Confusion", columns, rows);
    }

    private static String share(double value) {
        return Double.isNaN(value) ? "-" : String.format(Locale.ROOT, "%.1f %%", 100 * value);
    }

    // --- Review ---

    /** Returns the rows with the smallest margins, spread evenly over labels as far as each has rows; at most {@code --review} rows. */
    private Dataset<Row> review() {
        Column label = each() ? coalesce(concat_ws(",", col(LABELS)), lit("")) : coalesce(col(LABEL), lit(""));
        return results.filter(col("error").isNull().and(col("margin").isNotNull()))
                .withColumn(RANK, row_number().over(Window.partitionBy(label).orderBy(col("margin"), col("id"))))
                .orderBy(col(RANK), col("margin"), col("id"))
                .limit(options.review())
                .drop(RANK, "error", "error_message")
                .orderBy(col("margin"), col("id"));
    }
}
