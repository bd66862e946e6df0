package nighttrain.pipeline.report;

import static j2html.TagCreator.tag;

import j2html.tags.ContainerTag;
import j2html.tags.DomContent;
import java.util.List;
import java.util.Locale;

/** A small drawing that stretches to the available width; text beside it gives the same information. */
final class Svg {
    private static final int TALL = 100;

    private final ContainerTag<?> svg;

    private Svg(ContainerTag<?> svg) {
        this.svg = svg;
    }

    /** Returns an empty drawing; positions are in percent of its width. */
    static Svg empty() {
        return new Svg(tag("svg").attr("aria-hidden", "true"));
    }

    /** Adds a bar from the left edge. */
    Svg bar(double percent) {
        svg.with(tag("rect").withClass("fill").attr("width", percent(percent)).attr("height", "100%"));
        return this;
    }

    /** Adds a whisker over the drawing, between two positions. */
    Svg whisker(double from, double to) {
        line(from, to, "50%", "50%");
        line(from, from, "20%", "80%");
        line(to, to, "20%", "80%");
        return this;
    }

    private void line(double x1, double x2, String y1, String y2) {
        svg.with(tag("line")
                .withClass("whisker")
                .attr("x1", percent(x1))
                .attr("x2", percent(x2))
                .attr("y1", y1)
                .attr("y2", y2));
    }

    /** Returns the area under values at equal distances, with a gap where a value is NaN. */
    static Svg area(List<Double> values, double highest) {
        StringBuilder path = new StringBuilder();
        for (int i = 0; i < values.size(); i++) {
            double value = values.get(i);
            if (!Double.isNaN(value) && value > 0 && highest > 0) {
                int y = TALL - (int) Math.max(1, Math.round(TALL * value / highest));
                path.append('M').append(i).append(' ').append(TALL).append('V').append(y);
                path.append('h').append(1).append('V').append(TALL).append('z');
            }
        }
        return new Svg(tag("svg")
                .attr("aria-hidden", "true")
                .attr("viewBox", "0 0 " + Math.max(1, values.size()) + " " + TALL)
                .attr("preserveAspectRatio", "none")
                .with(tag("path").withClass("fill").attr("d", path)));
    }

    DomContent html() {
        return svg;
    }

    private static String percent(double value) {
        return String.format(Locale.ROOT, "%.2f%%", value);
    }
}
