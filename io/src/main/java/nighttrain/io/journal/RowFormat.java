package nighttrain.io.journal;

import org.apache.arrow.vector.types.pojo.Schema;

/** How rows of one kind are laid out in Arrow columns. */
interface RowFormat<T> {
    /** What journal files of this kind begin their names with. */
    String prefix();

    Schema schema();

    /** Puts every value of a row, in the schema's order. */
    void write(T row, RowWriter columns);

    /** About what a row takes in memory. */
    long bytes(T row);

    /** Takes every value of a row, in the schema's order. */
    T read(RowReader columns);
}
