package nighttrain.pipeline.report;

import j2html.tags.DomContent;

/** What a section of a page is made of. Texts are escaped where they are written: any may come from users' data. */
public sealed interface Block permits Tiles, Prose, Table, LineChart, Histogram, BarChart, Timelines {
    /** This block as HTML. */
    DomContent html();
}
