package nighttrain.pipeline.report;

import static j2html.TagCreator.p;

import j2html.tags.DomContent;

/** A paragraph. */
public record Prose(String text) implements Block {
    @Override
    public DomContent html() {
        return p(text);
    }
}
