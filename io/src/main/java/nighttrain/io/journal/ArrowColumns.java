package nighttrain.io.journal;

import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.List;
import nighttrain.io.rows.Column;
import nighttrain.io.rows.ColumnType;
import org.apache.arrow.vector.BigIntVector;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.Float8Vector;
import org.apache.arrow.vector.IntVector;
import org.apache.arrow.vector.VarCharVector;
import org.apache.arrow.vector.complex.ListVector;
import org.apache.arrow.vector.types.FloatingPointPrecision;
import org.apache.arrow.vector.types.pojo.ArrowType;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.arrow.vector.types.pojo.FieldType;

/** The Arrow form of columns. */
final class ArrowColumns {
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

    /** An instant is milliseconds since 1970, and its name says so. */
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

    /** Sets a row's value, and tells about how many bytes it takes. */
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

    /** A row's value, or null. */
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
