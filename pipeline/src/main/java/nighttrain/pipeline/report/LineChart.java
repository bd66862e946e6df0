package nighttrain.pipeline.report;

import j2html.tags.DomContent;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import nighttrain.pipeline.report.Table.Column;

/**
 * A chart of lines over time or another increasing quantity.
 *
 * @param title title of the chart
 * @param note further explanation; may be empty
 * @param x the horizontal axis
 * @param unit unit of the lines
 * @param lines lines in the order of drawing; there are eight distinct colours
 */
public record LineChart(String title, String note, X x, String unit, List<Line> lines) implements Block {
    /**
     * The horizontal axis; the unit {@code s} is shown as hours, minutes and seconds.
     *
     * @param name name of the quantity
     * @param unit its unit
     * @param values values in ascending order
     */
    public record X(String name, String unit, List<Double> values) {
        public X {
            values = List.copyOf(values);
        }
    }

    /** A line: one value per x, NaN for no value. */
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
