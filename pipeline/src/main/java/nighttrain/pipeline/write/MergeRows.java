package nighttrain.pipeline.write;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.Queue;
import java.util.Set;
import org.apache.spark.api.java.function.MapPartitionsFunction;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;

/**
 * Merges every input row with its results. Takes rows {@code position, sample, kept, <journal columns>} in the order of position and
 * sample, in which a position's input row (sample -1 and a kept struct) precedes its journal rows. A result that the journal has twice is
 * returned once; a missing result is an error, so that no row is ever dropped.
 *
 * @param samples outputs per row
 */
record MergeRows(int samples) implements MapPartitionsFunction<Row, Row> {
    /** Journal columns that position and sample replace. */
    static final Set<String> KEY = Set.of("file", "row", "sample");
    /** Sample number of an input row, which sorts before every result. */
    static final int INPUT = -1;

    private static final int POSITION_AT = 0;
    private static final int SAMPLE_AT = 1;
    private static final int KEPT_AT = 2;
    private static final long serialVersionUID = 1L;

    @Override
    public Iterator<Row> call(Iterator<Row> rows) {
        return new Merged(rows);
    }

    private final class Merged implements Iterator<Row> {
        private final Iterator<Row> rows;
        private final Queue<Row> ready = new ArrayDeque<>();
        private Row ahead;

        Merged(Iterator<Row> rows) {
            this.rows = rows;
            advance();
        }

        @Override
        public boolean hasNext() {
            while (ready.isEmpty() && ahead != null) {
                mergeNext();
            }
            return !ready.isEmpty();
        }

        @Override
        public Row next() {
            if (!hasNext()) {
                throw new NoSuchElementException();
            }
            return ready.remove();
        }

        private void advance() {
            ahead = rows.hasNext() ? rows.next() : null;
        }

        private void mergeNext() {
            long position = ahead.getLong(POSITION_AT);
            Row input = null;
            List<Row> found = new ArrayList<>();
            for (; ahead != null && ahead.getLong(POSITION_AT) == position; advance()) {
                if (ahead.getInt(SAMPLE_AT) == INPUT) {
                    input = ahead;
                } else if (ahead.getInt(SAMPLE_AT) == found.size()) {
                    found.add(ahead);
                }
            }
            if (input == null) {
                return;
            }
            if (found.size() != samples) {
                throw new IllegalStateException("input row " + position + " has " + found.size() + " of " + samples
                        + " results in the journal");
            }
            Object kept = input.get(KEPT_AT);
            found.forEach(row -> ready.add(withKept(row, kept)));
        }

        private Row withKept(Row row, Object kept) {
            Object[] values = new Object[row.size()];
            for (int i = 0; i < values.length; i++) {
                values[i] = i == KEPT_AT ? kept : row.get(i);
            }
            return RowFactory.create(values);
        }
    }
}
