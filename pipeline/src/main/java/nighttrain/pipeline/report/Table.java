package nighttrain.pipeline.report;

import static j2html.TagCreator.caption;
import static j2html.TagCreator.div;
import static j2html.TagCreator.each;
import static j2html.TagCreator.iff;
import static j2html.TagCreator.table;
import static j2html.TagCreator.tbody;
import static j2html.TagCreator.td;
import static j2html.TagCreator.th;
import static j2html.TagCreator.thead;
import static j2html.TagCreator.tr;

import j2html.tags.DomContent;
import j2html.tags.specialized.TableTag;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;

/**
 * A table whose first column names its rows.
 *
 * @param title title of the table; may be empty
 * @param columns columns from left to right
 * @param rows rows with one text per column
 */
public record Table(String title, List<Column> columns, List<List<String>> rows) implements Block {
    /**
     * A column; numbers are aligned right.
     *
     * @param name heading of the column
     * @param figures whether it holds numbers
     */
    public record Column(String name, boolean figures) {
        /** Returns a column of texts. */
        public static Column text(String name) {
            return new Column(name, false);
        }

        /** Returns a column of numbers. */
        public static Column figures(String name) {
            return new Column(name, true);
        }
    }

    public Table {
        columns = List.copyOf(columns);
        rows = rows.stream().map(List::copyOf).toList();
        for (List<String> row : rows) {
            if (row.size() != columns.size()) {
                throw new IllegalArgumentException(
                        "cells of a row: " + row.size() + " (" + columns.size() + " columns)");
            }
        }
    }

    /** Returns a table of names and values; a value may be null. */
    public static Table of(String title, String name, String value, Map<String, String> facts) {
        return new Table(
                title,
                List.of(Column.text(name), Column.text(value)),
                facts.entrySet().stream()
                        .map(fact -> List.of(fact.getKey(), fact.getValue() == null ? "" : fact.getValue()))
                        .toList());
    }

    @Override
    public DomContent html() {
        // Wide tables scroll on their own, so that the page never scrolls sideways.
        return div(grid()).withClass("scroll").attr("tabindex", "0");
    }

    TableTag grid() {
        return table(
                iff(!title.isEmpty(), caption(title)),
                thead(tr(each(columns, column -> styled(th(column.name()).attr("scope", "col"), column)))),
                tbody(each(rows, this::row)));
    }

    private DomContent row(List<String> cells) {
        return tr(each(IntStream.range(0, cells.size())
                .mapToObj(i -> i == 0
                        ? styled(th(cells.get(i)).attr("scope", "row"), columns.get(i))
                        : styled(td(cells.get(i)), columns.get(i)))));
    }

    private static DomContent styled(j2html.tags.ContainerTag<?> cell, Column column) {
        return column.figures() ? cell.withClass("n") : cell;
    }
}
