package nighttrain.io.rows;

import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.lang.reflect.RecordComponent;
import java.time.Instant;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.function.Function;

/**
 * A type of row: a record, whose components are the columns. Every other form of the row (Arrow in the journal, Spark in the
 * results) follows from this list, so a column is added by adding a component. A component of a primitive type always has a value;
 * any other may be null.
 */
public final class RowType<T extends Record> {
    private final List<Column<T>> columns;
    private final MethodHandle constructor;

    private RowType(List<Column<T>> columns, MethodHandle constructor) {
        this.columns = columns;
        this.constructor = constructor;
    }

    /** The type of these records. */
    public static <T extends Record> RowType<T> of(Class<T> rows) {
        RecordComponent[] components = rows.getRecordComponents();
        List<Column<T>> columns =
                Arrays.stream(components).map(RowType::<T>column).toList();
        return new RowType<>(columns, constructor(rows, components));
    }

    /** In the order in which files have them. */
    public List<Column<T>> columns() {
        return columns;
    }

    /** The row of these values, in the order of {@link #columns}. */
    @SuppressWarnings("unchecked") // It is the constructor of T.
    public T row(Object[] values) {
        try {
            return (T) (Object) constructor.invokeExact(values);
        } catch (Throwable thrown) {
            throw unchecked(thrown);
        }
    }

    private static <T> Column<T> column(RecordComponent component) {
        Class<?> type = component.getType();
        MethodHandle accessor = accessor(component);
        return new Column<>(
                snakeCase(component.getName()),
                ColumnType.of(MethodType.methodType(type).wrap().returnType()),
                !type.isPrimitive(),
                row -> value(accessor, row));
    }

    private static Object value(MethodHandle accessor, Object row) {
        try {
            return accessor.invokeExact(row);
        } catch (Throwable thrown) {
            throw unchecked(thrown);
        }
    }

    private static MethodHandle accessor(RecordComponent component) {
        try {
            return MethodHandles.publicLookup()
                    .unreflect(component.getAccessor())
                    .asType(MethodType.methodType(Object.class, Object.class));
        } catch (IllegalAccessException hidden) {
            throw new IllegalArgumentException("rows of a record that is not public: " + component, hidden);
        }
    }

    private static MethodHandle constructor(Class<?> rows, RecordComponent[] components) {
        Class<?>[] types =
                Arrays.stream(components).map(RecordComponent::getType).toArray(Class<?>[]::new);
        try {
            return MethodHandles.publicLookup()
                    .findConstructor(rows, MethodType.methodType(void.class, types))
                    .asSpreader(Object[].class, types.length)
                    .asType(MethodType.methodType(Object.class, Object[].class));
        } catch (ReflectiveOperationException hidden) {
            throw new IllegalArgumentException("rows of a record that is not public: " + rows, hidden);
        }
    }

    /** Accessors and constructors of records throw nothing checked. */
    private static RuntimeException unchecked(Throwable thrown) {
        if (thrown instanceof Error error) {
            throw error;
        }
        return (RuntimeException) thrown;
    }

    private static String snakeCase(String camelCase) {
        return camelCase.replaceAll("([A-Z])", "_$1").toLowerCase(Locale.ROOT);
    }

    /**
     * A column of a table of rows.
     *
     * @param name in snake_case, as in files
     * @param type what its values are
     * @param nullable whether a row may have none
     * @param value takes a row's value: of the Java type that {@code type} says, or null
     */
    public record Column<T>(String name, ColumnType type, boolean nullable, Function<T, Object> value) {}

    /** What the values of a column are. A file format gives each of these a type of its own. */
    public enum ColumnType {
        TEXT(String.class),
        INT32(Integer.class),
        INT64(Long.class),
        FLOAT64(Double.class),
        INT32_LIST(int[].class),
        /** To the millisecond. */
        INSTANT(Instant.class);

        private final Class<?> values;

        ColumnType(Class<?> values) {
            this.values = values;
        }

        static ColumnType of(Class<?> boxed) {
            return Arrays.stream(values())
                    .filter(type -> type.values == boxed)
                    .findFirst()
                    .orElseThrow(() -> new IllegalArgumentException("no column type has values of: " + boxed));
        }
    }
}
