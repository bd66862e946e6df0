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
 * The type of a row: a record whose components are the columns. Every other form of the row (Arrow in the journal, Spark in the results) is derived
 * from this list, so adding a component adds a column. A component of a primitive type always has a value; any other may be null.
 */
public final class RowType<T extends Record> {
    private final List<Column<T>> columns;
    private final MethodHandle constructor;

    private RowType(List<Column<T>> columns, MethodHandle constructor) {
        this.columns = columns;
        this.constructor = constructor;
    }

    /** Returns the type of these records. */
    public static <T extends Record> RowType<T> of(Class<T> rows) {
        RecordComponent[] components = rows.getRecordComponents();
        List<Column<T>> columns =
                Arrays.stream(components).map(RowType::<T>column).toList();
        return new RowType<>(columns, constructor(rows, components));
    }

    /** Returns the columns in the order in which files have them. */
    public List<Column<T>> columns() {
        return columns;
    }

    /** Returns the row of these values, in the order of {@link #columns}. */
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

    /** Accessors and constructors of records throw no checked exceptions. */
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
     * @param name name in snake_case, as in files
     * @param type type of the values
     * @param nullable whether a value may be null
     * @param value reads a row's value: of the Java type of {@code type}, or null
     */
    public record Column<T>(String name, ColumnType type, boolean nullable, Function<T, Object> value) {}

    /** The type of a column's values. Each file format maps it to a type of its own. */
    public enum ColumnType {
        TEXT(String.class),
        INT32(Integer.class),
        INT64(Long.class),
        FLOAT64(Double.class),
        INT32_LIST(int[].class),
        /** A time, to the millisecond. */
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
