package nighttrain.pipeline.report;

import static j2html.TagCreator.body;
import static j2html.TagCreator.document;
import static j2html.TagCreator.each;
import static j2html.TagCreator.footer;
import static j2html.TagCreator.h1;
import static j2html.TagCreator.h2;
import static j2html.TagCreator.header;
import static j2html.TagCreator.html;
import static j2html.TagCreator.iff;
import static j2html.TagCreator.main;
import static j2html.TagCreator.meta;
import static j2html.TagCreator.p;
import static j2html.TagCreator.rawHtml;
import static j2html.TagCreator.script;
import static j2html.TagCreator.section;
import static j2html.TagCreator.style;

import j2html.TagCreator;
import j2html.tags.DomContent;
import j2html.tags.specialized.HeadTag;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Base64;
import java.util.List;
import java.util.Properties;
import java.util.stream.Collectors;

/**
 * A report as one HTML file. It opens without a network and loads nothing from outside. Its policy allows only its own scripts and styles,
 * whatever its texts contain.
 *
 * @param title title of the page and its window
 * @param lead a sentence about the content of the page
 * @param sections sections from top to bottom
 * @param foot last line; may be empty
 */
public record Page(String title, String lead, List<Section> sections, String foot) {
    public Page {
        sections = List.copyOf(sections);
    }

    /** Returns the file's content, to be written as UTF-8. */
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

    /**
     * A part of a page.
     *
     * @param title heading of the section
     * @param lead a sentence about the content of the section; may be empty
     * @param blocks blocks from top to bottom; charts stand side by side where there is room
     */
    public record Section(String title, String lead, List<Block> blocks) {
        public Section {
            blocks = List.copyOf(blocks);
        }

        DomContent html() {
            return section(h2(title), iff(!lead.isEmpty(), p(lead).withClass("lead")), each(blocks, Block::html));
        }
    }

    /** Scripts and styles that every page carries: uPlot, and report.js and report.css, which tell it what to draw. */
    static final class Assets {
        private static final String UPLOT = "/META-INF/resources/webjars/uplot/" + uplotVersion() + "/dist/";

        /** The scripts in the order in which they run. */
        static final List<String> SCRIPTS = List.of(read(UPLOT + "uPlot.iife.min.js"), read("report.js"));

        static final String STYLE = read(UPLOT + "uPlot.min.css") + read("report.css");

        /** The policy: nothing is loaded, and only scripts and styles with the digests of those on the page run. */
        static final String POLICY =
                "default-src 'none'; base-uri 'none'; form-action 'none'; style-src " + digest(STYLE)
                        + "; script-src "
                        + SCRIPTS.stream().map(Assets::digest).collect(Collectors.joining(" "));

        private Assets() {}

        private static String uplotVersion() {
            try (InputStream in = Assets.class.getResourceAsStream("/nighttrain/pipeline/version.properties")) {
                Properties versions = new Properties();
                versions.load(in);
                return versions.getProperty("uplot");
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }

        private static String read(String resource) {
            try (InputStream in = Assets.class.getResourceAsStream(resource)) {
                if (in == null) {
                    throw new IllegalStateException("not on the class path: " + resource);
                }
                // Browsers read CR LF as LF and would compute another digest.
                return new String(in.readAllBytes(), StandardCharsets.UTF_8).replace("\r\n", "\n");
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }

        private static String digest(String source) {
            try {
                byte[] sha = MessageDigest.getInstance("SHA-256").digest(source.getBytes(StandardCharsets.UTF_8));
                return "'sha256-" + Base64.getEncoder().encodeToString(sha) + "'";
            } catch (NoSuchAlgorithmException e) {
                throw new IllegalStateException("every Java has SHA-256", e);
            }
        }
    }
}
