package nighttrain.io.rows;

import java.util.function.Function;

/**
 * A column of a table of rows.
 *
 * @param name in snake_case, as in files
 * @param type what its values are
 * @param nullable whether a row may have none
 * @param value takes a row's value: of the Java type that {@code type} says, or null
 */
public record Column<T>(String name, ColumnType type, boolean nullable, Function<T, Object> value) {}
