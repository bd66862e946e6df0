package nighttrain.pipeline.report;

import static j2html.TagCreator.caption;
import static j2html.TagCreator.each;
import static j2html.TagCreator.figure;
import static j2html.TagCreator.small;
import static j2html.TagCreator.span;
import static j2html.TagCreator.table;
import static j2html.TagCreator.tbody;
import static j2html.TagCreator.td;
import static j2html.TagCreator.th;
import static j2html.TagCreator.thead;
import static j2html.TagCreator.tr;

import j2html.tags.DomContent;
import java.util.List;
import java.util.stream.DoubleStream;

/**
 * A chart of horizontal bars that start at zero, drawn in a table of the values. A whisker shows the uncertainty of a bar.
 *
 * @param title title of the chart
 * @param note further explanation; may be empty
 * @param name heading of the column with the bars' names
 * @param unit unit of the bars' values
 * @param groups groups of bars, each under a heading of its own
 */
public record BarChart(String title, String note, String name, String unit, List<Group> groups) implements Block {
    private static final double FULL = 100;

    /** Bars under a heading; an empty heading is left out. */
    public record Group(String heading, List<Bar> bars) {
        public Group {
            bars = List.copyOf(bars);
        }
    }

    /**
     * A bar.
     *
     * @param name what it stands for
     * @param value its length, at least 0; NaN for no value
     * @param low lower end of the whisker; the value itself for no whisker
     * @param high upper end of the whisker; the value itself for no whisker
     * @param note text after the value; may be empty
     */
    public record Bar(String name, double value, double low, double high, String note) {
        public Bar {
            if (value < 0 || low > value || high < value) {
                throw new IllegalArgumentException(
                        "bar " + name + ": " + value + " (at least 0, between " + low + " and " + high + ")");
            }
        }

        /** Returns a bar without a whisker. */
        public static Bar of(String name, double value) {
            return new Bar(name, value, value, value, "");
        }
    }

    public BarChart {
        groups = List.copyOf(groups);
    }

    @Override
    public DomContent html() {
        double longest = groups.stream()
                .flatMap(group -> group.bars().stream())
                .flatMapToDouble(bar -> DoubleStream.of(bar.value(), bar.high()))
                .filter(Double::isFinite)
                .max()
                .orElse(0);
        return figure(table(
                        caption(Drawing.heading(title, note)),
                        thead(tr(
                                th(name).attr("scope", "col"),
                                th(unit).attr("scope", "col").withClass("n"),
                                th("").attr("aria-hidden", "true"))),
                        each(groups, group -> rows(group, longest)))
                .withClass("bars"));
    }

    private static DomContent rows(Group group, double longest) {
        return tbody(
                group.heading().isEmpty()
                        ? span()
                        : tr(th(group.heading()).attr("scope", "rowgroup").attr("colspan", "3"))
                                .withClass("group"),
                each(group.bars(), bar -> row(bar, longest)));
    }

    private static DomContent row(Bar bar, double longest) {
        return tr(
                th(bar.name()).attr("scope", "row"),
                td(Numbers.figure(bar.value()) + spread(bar))
                        .with(small(bar.note()))
                        .withClass("n"),
                td(longest > 0 && Double.isFinite(bar.value()) ? drawn(bar, longest) : span())
                        .withClass("bar"));
    }

    private static String spread(Bar bar) {
        return bar.low() < bar.high()
                ? " (" + Numbers.figure(bar.low()) + " to " + Numbers.figure(bar.high()) + ")"
                : "";
    }

    private static DomContent drawn(Bar bar, double longest) {
        Svg svg = Svg.empty().bar(FULL * bar.value() / longest);
        return (bar.low() < bar.high() ? svg.whisker(FULL * bar.low() / longest, FULL * bar.high() / longest) : svg)
                .html();
    }
}
