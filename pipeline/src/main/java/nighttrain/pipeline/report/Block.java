package nighttrain.pipeline.report;

import static j2html.TagCreator.dd;
import static j2html.TagCreator.div;
import static j2html.TagCreator.dl;
import static j2html.TagCreator.dt;
import static j2html.TagCreator.each;
import static j2html.TagCreator.iff;
import static j2html.TagCreator.p;
import static j2html.TagCreator.small;

import j2html.tags.DomContent;
import java.util.List;

/** A block of a section of a page. Texts are escaped when they are written: any text may come from users' data. */
public sealed interface Block permits Block.Tiles, Block.Prose, Table, LineChart, Histogram, BarChart, Timelines {
    /** Returns this block as HTML. */
    DomContent html();

    /** A paragraph. */
    public record Prose(String text) implements Block {
        @Override
        public DomContent html() {
            return p(text);
        }
    }

    /** A few figures in large type side by side. */
    public record Tiles(List<Tile> tiles) implements Block {
        /**
         * One figure.
         *
         * @param name name of the figure
         * @param value value with its unit
         * @param note further explanation; may be empty
         */
        public record Tile(String name, String value, String note) {}

        public Tiles {
            tiles = List.copyOf(tiles);
        }

        @Override
        public DomContent html() {
            return dl(each(tiles, Tiles::html)).withClass("tiles");
        }

        private static DomContent html(Tile tile) {
            return div(dt(tile.name()), dd(tile.value()), iff(!tile.note().isEmpty(), dd(small(tile.note()))));
        }
    }
}
