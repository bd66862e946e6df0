package nighttrain.pipeline.report;

import j2html.tags.DomContent;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import nighttrain.pipeline.report.Table.Column;

/**
 * Lines over time or over any other growing quantity.
 *
 * @param title of the chart
 * @param note what else is to be known; may be empty
 * @param x what grows
 * @param unit of the lines
 * @param lines drawn in this order; eight colours are told apart
 */
public record LineChart(String title, String note, X x, String unit, List<Line> lines) implements Block {
    /**
     * The axis that grows; {@code s} is shown as hours, minutes and seconds.
     *
     * @param name what it measures
     * @param unit its unit
     * @param values in growing order
     */
    public record X(String name, String unit, List<Double> values) {
        public X {
            values = List.copyOf(values);
        }
    }

    /** A line: a value per x, NaN where there is none. */
    public record Line(String name, List<Double> values) {
        public Line {
            values = List.copyOf(values);
        }
    }

    public LineChart {
        lines = List.copyOf(lines);
        for (Line line : lines) {
            if (line.values().size() != x.values().size()) {
                throw new IllegalArgumentException("values of line " + line.name() + ": "
                        + line.values().size() + " (" + x.values().size() + " places on the axis)");
            }
        }
    }

    @Override
    public DomContent html() {
        return Drawing.of(title, note, table().grid(), Map.of("kind", "lines", "x-unit", x.unit(), "unit", unit));
    }

    private Table table() {
        List<Column> columns = new ArrayList<>();
        columns.add(Column.figures(x.name() + ", " + x.unit()));
        lines.forEach(line -> columns.add(Column.figures(line.name())));
        return new Table(
                "",
                columns,
                IntStream.range(0, x.values().size()).mapToObj(this::row).toList());
    }

    private List<String> row(int at) {
        return Stream.concat(
                        Stream.of(x.values().get(at)),
                        lines.stream().map(line -> line.values().get(at)))
                .map(Numbers::figure)
                .toList();
    }
}
