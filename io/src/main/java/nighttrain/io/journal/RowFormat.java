package nighttrain.io.journal;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import nighttrain.io.rows.Column;
import nighttrain.io.rows.MetricsRow;
import nighttrain.io.rows.ResultRow;
import nighttrain.io.rows.RowType;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.arrow.vector.types.pojo.Schema;

/**
 * How a journal keeps rows of one type: an Arrow column for each of theirs.
 *
 * @param prefix what the names of its files begin with
 * @param type what a row is
 */
record RowFormat<T extends Record>(String prefix, RowType<T> type) {
    static final RowFormat<ResultRow> RESULTS = new RowFormat<>("results-", ResultRow.TYPE);
    static final RowFormat<MetricsRow> METRICS = new RowFormat<>("metrics-", MetricsRow.TYPE);

    private static final int BYTES_PER_COLUMN = 16;

    Schema schema() {
        return new Schema(type.columns().stream().map(ArrowColumns::field).toList());
    }

    /** Puts a row into {@link #schema}'s columns, and tells about how many bytes it takes there. */
    long write(T row, VectorSchemaRoot columns, int at) {
        // All values first: a row that cannot tell one of them leaves no half of itself behind.
        List<Object> values = new ArrayList<>();
        for (Column<T> column : type.columns()) {
            values.add(column.value().apply(row));
        }
        long bytes = 0;
        for (int i = 0; i < values.size(); i++) {
            bytes += ArrowColumns.put(type.columns().get(i).type(), columns.getVector(i), at, values.get(i));
        }
        return bytes;
    }

    /** About what a row takes in memory. */
    long bytes(T row) {
        long bytes = 0;
        for (Column<T> column : type.columns()) {
            Object value = column.value().apply(row);
            long more = value instanceof String text
                    ? text.length()
                    : value instanceof int[] list ? (long) list.length * Integer.BYTES : 0;
            bytes += BYTES_PER_COLUMN + more;
        }
        return bytes;
    }

    /**
     * Whether rows can be read from a file with these columns: one that another version wrote may lack a column, if that may be null,
     * but has none that is unknown here.
     */
    boolean reads(Schema file) {
        Set<String> names = type.columns().stream().map(ArrowColumns::name).collect(Collectors.toSet());
        return names.containsAll(file.getFields().stream().map(Field::getName).toList())
                && type.columns().stream().allMatch(column -> reads(file, column));
    }

    private static boolean reads(Schema file, Column<?> column) {
        return file.getFields().stream()
                .filter(field -> field.getName().equals(ArrowColumns.name(column)))
                .findFirst()
                .map(field -> field.getType().equals(ArrowColumns.type(column)))
                .orElse(column.nullable());
    }

    /** The vectors of a file that {@link #reads} accepts, in the order of the columns; null for one that it lacks. */
    FieldVector[] vectors(VectorSchemaRoot file) {
        return type.columns().stream()
                .map(column -> file.getVector(ArrowColumns.name(column)))
                .toArray(FieldVector[]::new);
    }

    /** The row at that place of {@link #vectors}. */
    T read(FieldVector[] vectors, int at) {
        Object[] values = new Object[vectors.length];
        for (int i = 0; i < values.length; i++) {
            values[i] = vectors[i] == null
                    ? null
                    : ArrowColumns.get(type.columns().get(i).type(), vectors[i], at);
        }
        return type.row(values);
    }
}
