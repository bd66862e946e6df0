package nighttrain.pipeline.report;

import static j2html.TagCreator.details;
import static j2html.TagCreator.div;
import static j2html.TagCreator.figcaption;
import static j2html.TagCreator.figure;
import static j2html.TagCreator.iff;
import static j2html.TagCreator.small;
import static j2html.TagCreator.span;
import static j2html.TagCreator.strong;
import static j2html.TagCreator.summary;

import j2html.tags.DomContent;
import java.util.Map;
import java.util.TreeMap;

/** Makes a chart that report.js draws from a table on the page, so that each figure is on the page once and is readable without scripts. */
final class Drawing {
    private Drawing() {}

    /** Returns a chart. {@code hints}: values of the data attributes, by name, that report.js needs besides the table's numbers. */
    static DomContent of(String title, String note, DomContent numbers, Map<String, String> hints) {
        var plot = div().withClass("plot")
                .attr("role", "img")
                .attr("aria-label", title + "; the numbers are in the table below");
        new TreeMap<>(hints).forEach((name, value) -> plot.attr("data-" + name, value));
        return figure(
                        figcaption(heading(title, note)),
                        plot,
                        details(
                                summary("Table"),
                                div(numbers).withClass("scroll").attr("tabindex", "0")))
                .withClass(hints.get("kind"));
    }

    static DomContent heading(String title, String note) {
        return span(strong(title), iff(!note.isEmpty(), small(note))).withClass("heading");
    }
}
