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

/** What a section of a page is made of. Texts are escaped where they are written: any may come from users' data. */
public sealed interface Block permits Block.Tiles, Block.Prose, Table, LineChart, Histogram, BarChart, Timelines {
    /** This block as HTML. */
    DomContent html();

    /** A paragraph. */
    public record Prose(String text) implements Block {
        @Override
        public DomContent html() {
            return p(text);
        }
    }

    /** A few figures, large, side by side. */
    public record Tiles(List<Tile> tiles) implements Block {
        /**
         * One figure.
         *
         * @param name of what
         * @param value with its unit
         * @param note what else is to be known; may be empty
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
