package nighttrain.pipeline.report;

import static j2html.TagCreator.caption;
import static j2html.TagCreator.each;
import static j2html.TagCreator.figure;
import static j2html.TagCreator.span;
import static j2html.TagCreator.table;
import static j2html.TagCreator.tbody;
import static j2html.TagCreator.td;
import static j2html.TagCreator.tfoot;
import static j2html.TagCreator.th;
import static j2html.TagCreator.thead;
import static j2html.TagCreator.tr;

import j2html.tags.DomContent;
import java.util.List;
import java.util.stream.IntStream;

/**
 * A chart of several activities over the same time, with one lane each on one scale.
 *
 * @param title title of the chart
 * @param note further explanation; may be empty
 * @param name heading of the column with the lanes' names
 * @param unit unit of the values
 * @param seconds length of the time axis in seconds
 * @param lanes lanes from top to bottom
 */
public record Timelines(String title, String note, String name, String unit, double seconds, List<Lane> lanes)
        implements Block {
    private static final int TICKS = 5;
    private static final double MS_PER_S = 1000;

    /** A lane: one value for each of the equal parts of the time, at least 0, NaN for no value. */
    public record Lane(String name, List<Double> values) {
        public Lane {
            values = List.copyOf(values);
        }

        private double max() {
            return values.stream()
                    .filter(Double::isFinite)
                    .mapToDouble(Double::doubleValue)
                    .max()
                    .orElse(Double.NaN);
        }

        private double mean() {
            return values.stream()
                    .filter(Double::isFinite)
                    .mapToDouble(Double::doubleValue)
                    .average()
                    .orElse(Double.NaN);
        }
    }

    public Timelines {
        lanes = List.copyOf(lanes);
    }

    @Override
    public DomContent html() {
        double highest = lanes.stream()
                .mapToDouble(Lane::max)
                .filter(Double::isFinite)
                .max()
                .orElse(0);
        return figure(table(
                        caption(Drawing.heading(title, note)),
                        thead(tr(each(
                                List.of(name, "mean", "max, " + unit, ""), text -> th(text).attr("scope", "col")))),
                        tbody(each(lanes, lane -> row(lane, highest))),
                        tfoot(tr(
                                td().attr("colspan", "3"),
                                td(each(IntStream.range(0, TICKS).mapToObj(this::tick)))
                                        .withClass("ticks"))))
                .withClass("lanes"));
    }

    private static DomContent row(Lane lane, double highest) {
        return tr(
                th(lane.name()).attr("scope", "row"),
                td(Numbers.figure(lane.mean())).withClass("n"),
                td(Numbers.figure(lane.max())).withClass("n"),
                td(Svg.area(lane.values(), highest).html()).withClass("lane"));
    }

    private DomContent tick(int i) {
        return span(i == 0 ? "0" : Numbers.millis(seconds * MS_PER_S * i / (TICKS - 1)));
    }
}
