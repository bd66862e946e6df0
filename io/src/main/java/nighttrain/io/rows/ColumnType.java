package nighttrain.io.rows;

import java.time.Instant;
import java.util.Arrays;

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
