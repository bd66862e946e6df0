package nighttrain.io.journal;

import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import nighttrain.io.rows.MetricsRow;
import nighttrain.io.rows.ResultRow;
import nighttrain.io.rows.RowType;
import nighttrain.io.rows.RowType.Column;
import nighttrain.io.rows.RowType.ColumnType;
import org.apache.arrow.vector.BigIntVector;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.Float8Vector;
import org.apache.arrow.vector.IntVector;
import org.apache.arrow.vector.VarCharVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.complex.ListVector;
import org.apache.arrow.vector.types.FloatingPointPrecision;
import org.apache.arrow.vector.types.pojo.ArrowType;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.arrow.vector.types.pojo.FieldType;
import org.apache.arrow.vector.types.pojo.Schema;

/**
 * The form in which a journal stores rows of one type: an Arrow column for each of their columns.
 *
 * @param prefix prefix of the names of its files
 * @param type type of the rows
 */
record RowFormat<T extends Record>(String prefix, RowType<T> type) {
    static final RowFormat<ResultRow> RESULTS = new RowFormat<>("results-", ResultRow.TYPE);
    static final RowFormat<MetricsRow> METRICS = new RowFormat<>("metrics-", MetricsRow.TYPE);

    private static final int BYTES_PER_COLUMN = 16;

    Schema schema() {
        return new Schema(type.columns().stream().map(ArrowColumns::field).toList());
    }

    /** Writes a row into {@link #schema}'s columns, and returns its approximate size there, in bytes. */
    long write(T row, VectorSchemaRoot columns, int at) {
        // Reads all values first: a row that fails to provide one of them is not half written.
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

    /** Returns the approximate size of a row in memory, in bytes. */
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
     * Whether rows can be read from a file with these columns: another version's file may lack a column, if that may be null, but must have no
     * unknown column.
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

    /** Returns the vectors of a file that {@link #reads} accepts, in the order of the columns; null for a column that the file lacks. */
    FieldVector[] vectors(VectorSchemaRoot file) {
        return type.columns().stream()
                .map(column -> file.getVector(ArrowColumns.name(column)))
                .toArray(FieldVector[]::new);
    }

    /** Returns the row at a position of {@link #vectors}. */
    T read(FieldVector[] vectors, int at) {
        Object[] values = new Object[vectors.length];
        for (int i = 0; i < values.length; i++) {
            values[i] = vectors[i] == null
                    ? null
                    : ArrowColumns.get(type.columns().get(i).type(), vectors[i], at);
        }
        return type.row(values);
    }

    /** The Arrow form of columns. */
    static final class ArrowColumns {
        private static final ArrowType INT32 = new ArrowType.Int(32, true);
        private static final ArrowType INT64 = new ArrowType.Int(64, true);
        private static final ArrowType FLOAT64 = new ArrowType.FloatingPoint(FloatingPointPrecision.DOUBLE);

        private ArrowColumns() {}

        static Field field(Column<?> column) {
            List<Field> children = column.type() == ColumnType.INT32_LIST
                    ? List.of(new Field("element", FieldType.notNullable(INT32), null))
                    : List.of();
            return new Field(name(column), new FieldType(column.nullable(), type(column), null), children);
        }

        /** Returns a column's name. An instant is stored as milliseconds since 1970, and its name says so. */
        static String name(Column<?> column) {
            return column.type() == ColumnType.INSTANT ? column.name() + "_ms" : column.name();
        }

        static ArrowType type(Column<?> column) {
            return switch (column.type()) {
                case TEXT -> new ArrowType.Utf8();
                case INT32 -> INT32;
                case INT64, INSTANT -> INT64;
                case FLOAT64 -> FLOAT64;
                case INT32_LIST -> new ArrowType.List();
            };
        }

        /** Sets a row's value, and returns its approximate size, in bytes. */
        static long put(ColumnType type, FieldVector vector, int row, Object value) {
            if (value == null) {
                vector.setNull(row);
                return Integer.BYTES;
            }
            switch (type) {
                case TEXT -> {
                    byte[] utf8 = ((String) value).getBytes(StandardCharsets.UTF_8);
                    ((VarCharVector) vector).setSafe(row, utf8);
                    return (long) Integer.BYTES + utf8.length;
                }
                case INT32 -> ((IntVector) vector).setSafe(row, (Integer) value);
                case INT64 -> ((BigIntVector) vector).setSafe(row, (Long) value);
                case FLOAT64 -> ((Float8Vector) vector).setSafe(row, (Double) value);
                case INSTANT -> ((BigIntVector) vector).setSafe(row, ((Instant) value).toEpochMilli());
                case INT32_LIST -> {
                    return putList((ListVector) vector, row, (int[]) value);
                }
            }
            return Long.BYTES;
        }

        private static long putList(ListVector vector, int row, int[] values) {
            IntVector elements = (IntVector) vector.getDataVector();
            int start = vector.startNewValue(row);
            for (int i = 0; i < values.length; i++) {
                elements.setSafe(start + i, values[i]);
            }
            vector.endValue(row, values.length);
            return (1L + values.length) * Integer.BYTES;
        }

        /** Returns a row's value, or null. */
        static Object get(ColumnType type, FieldVector vector, int row) {
            if (vector.isNull(row)) {
                return null;
            }
            return switch (type) {
                case TEXT -> new String(((VarCharVector) vector).get(row), StandardCharsets.UTF_8);
                case INT32 -> ((IntVector) vector).get(row);
                case INT64 -> ((BigIntVector) vector).get(row);
                case FLOAT64 -> ((Float8Vector) vector).get(row);
                case INSTANT -> Instant.ofEpochMilli(((BigIntVector) vector).get(row));
                case INT32_LIST -> list((ListVector) vector, row);
            };
        }

        private static int[] list(ListVector vector, int row) {
            IntVector elements = (IntVector) vector.getDataVector();
            int start = vector.getElementStartIndex(row);
            int[] values = new int[vector.getElementEndIndex(row) - start];
            for (int i = 0; i < values.length; i++) {
                values[i] = elements.get(start + i);
            }
            return values;
        }
    }
}
