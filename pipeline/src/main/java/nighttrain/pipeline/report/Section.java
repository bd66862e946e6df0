package nighttrain.pipeline.report;

import static j2html.TagCreator.each;
import static j2html.TagCreator.h2;
import static j2html.TagCreator.iff;
import static j2html.TagCreator.p;
import static j2html.TagCreator.section;

import j2html.tags.DomContent;
import java.util.List;

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
