package nighttrain.pipeline.report;

import j2html.tags.DomContent;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import nighttrain.pipeline.report.Table.Column;

/**
 * A histogram: the number of values between edges.
 *
 * @param title title of the chart
 * @param note further explanation, such as percentiles; may be empty
 * @param unit unit of the values; {@code ms} is shown as ms, s and min
 * @param logarithmic whether the axis of values is logarithmic
 * @param counted the things counted, such as {@code rows}
 * @param edges edges of the bins in ascending order: one more than there are bins
 * @param series series of counts, drawn over one another
 */
public record Histogram(
        String title,
        String note,
        String unit,
        boolean logarithmic,
        String counted,
        List<Double> edges,
        List<Counts> series)
        implements Block {
    /** The number of values in each bin. */
    public record Counts(String name, List<Long> counts) {
        public Counts {
            counts = List.copyOf(counts);
        }
    }

    public Histogram {
        edges = List.copyOf(edges);
        series = List.copyOf(series);
        for (Counts counts : series) {
            if (counts.counts().size() != edges.size() - 1) {
                throw new IllegalArgumentException(
                        "bins of " + counts.name() + ": " + counts.counts().size() + " (" + edges.size() + " edges)");
            }
        }
    }

    @Override
    public DomContent html() {
        Map<String, String> hints =
                Map.of("kind", "histogram", "x-unit", unit, "unit", counted, "scale", logarithmic ? "log" : "linear");
        return Drawing.of(title, note, table().grid(), hints);
    }

    private Table table() {
        List<Column> columns = new ArrayList<>();
        columns.add(Column.figures("from, " + unit));
        columns.add(Column.figures("to, " + unit));
        series.forEach(counts -> columns.add(Column.figures(counts.name())));
        return new Table(
                "",
                columns,
                IntStream.range(0, edges.size() - 1).mapToObj(this::row).toList());
    }

    private List<String> row(int bin) {
        return Stream.concat(
                        Stream.of(edges.get(bin), edges.get(bin + 1)).map(Numbers::figure),
                        series.stream()
                                .map(counts -> Numbers.count(counts.counts().get(bin))))
                .toList();
    }
}
