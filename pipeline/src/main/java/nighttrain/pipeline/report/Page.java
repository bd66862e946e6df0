package nighttrain.pipeline.report;

import static j2html.TagCreator.body;
import static j2html.TagCreator.document;
import static j2html.TagCreator.each;
import static j2html.TagCreator.footer;
import static j2html.TagCreator.h1;
import static j2html.TagCreator.header;
import static j2html.TagCreator.html;
import static j2html.TagCreator.main;
import static j2html.TagCreator.meta;
import static j2html.TagCreator.p;
import static j2html.TagCreator.rawHtml;
import static j2html.TagCreator.script;
import static j2html.TagCreator.style;

import j2html.TagCreator;
import j2html.tags.specialized.HeadTag;
import java.util.List;

/**
 * A report as one HTML file: it opens without a network, asks for nothing from outside, and its policy lets no script or style
 * run but its own, whatever the texts in it say.
 *
 * @param title of the page and its window
 * @param lead what it is about, in a sentence
 * @param sections from top to bottom
 * @param foot a last line; may be empty
 */
public record Page(String title, String lead, List<Section> sections, String foot) {
    public Page {
        sections = List.copyOf(sections);
    }

    /** The file's content, to be written as UTF-8. */
    public String render() {
        return document(html(
                        head(),
                        body(
                                header(h1(title), p(lead).withClass("lead")),
                                main(each(sections, Section::html)),
                                footer(p(foot)),
                                each(Assets.SCRIPTS, source -> script(rawHtml(source)))))
                .withLang("en"));
    }

    private HeadTag head() {
        return TagCreator.head(
                meta().withCharset("utf-8"),
                meta().withName("viewport").withContent("width=device-width, initial-scale=1"),
                meta().attr("http-equiv", "Content-Security-Policy").withContent(Assets.POLICY),
                meta().withName("color-scheme").withContent("light dark"),
                TagCreator.title(title),
                style(rawHtml(Assets.STYLE)));
    }
}
