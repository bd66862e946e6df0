package nighttrain.pipeline.read;

import java.util.List;
import nighttrain.io.UserError;
import org.apache.hadoop.fs.Path;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.types.StructType;

/** A table of input before its rows have keys. */
public sealed interface InputSource permits ParquetSource, StagedSource {
    /** These columns of the table. */
    Dataset<Row> table(List<String> columns);

    /** Equal for the same rows in the same order, different when they change; {@code columns} are all that is used. */
    String identity(List<String> columns);

    /**
     * The rows with their place in the input.
     *
     * @param columns input columns to carry
     * @param staged where a source whose rows have no stable place may write them, and find what an earlier run wrote
     * @param scratch a place on the same file system for writing it
     */
    PlacedRows place(List<String> columns, Path staged, Path scratch);

    /**
     * Refuses a table without rows.
     *
     * @throws UserError when there are none
     */
    default void requireRows(String name) {
        if (isEmpty()) {
            throw UserError.of("input has no rows", name, "at least 1 is needed; check --input");
        }
    }

    /** Whether there are no rows. */
    boolean isEmpty();

    /** Columns of the input; {@link Flaw} marks those that cannot be read, which are of no use but no harm either. */
    StructType schema();
}
