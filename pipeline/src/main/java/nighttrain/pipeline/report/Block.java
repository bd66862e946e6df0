package nighttrain.pipeline.report;

import static j2html.TagCreator.p;

import j2html.tags.DomContent;

/** What a section of a page is made of. Texts are escaped where they are written: any may come from users' data. */
public sealed interface Block permits Tiles, Block.Prose, Table, LineChart, Histogram, BarChart, Timelines {
    /** This block as HTML. */
    DomContent html();

    /** A paragraph. */
    public record Prose(String text) implements Block {
        @Override
        public DomContent html() {
            return p(text);
        }
    }
}
