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

    /**
     * A part of a page.
     *
     * @param title its heading
     * @param lead what it shows, in a sentence; may be empty
     * @param blocks from top to bottom; charts stand side by side where there is room
     */
    public record Section(String title, String lead, List<Block> blocks) {
        public Section {
            blocks = List.copyOf(blocks);
        }

        DomContent html() {
            return section(h2(title), iff(!lead.isEmpty(), p(lead).withClass("lead")), each(blocks, Block::html));
        }
    }

    /** Scripts and styles that every page carries: uPlot's, and ours that tell it what to draw. */
    static final class Assets {
        private static final String UPLOT = "/META-INF/resources/webjars/uplot/" + uplotVersion() + "/dist/";

        /** In the order in which they run. */
        static final List<String> SCRIPTS = List.of(read(UPLOT + "uPlot.iife.min.js"), read("report.js"));

        static final String STYLE = read(UPLOT + "uPlot.min.css") + read("report.css");

        /** Nothing is fetched, and nothing runs but what has the digest of what we wrote. */
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
                // Browsers read CR LF as LF, and would find another digest.
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
