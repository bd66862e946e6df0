package nighttrain.pipeline.read;

import java.util.List;
import nighttrain.io.UserError;
import org.apache.hadoop.fs.Path;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.types.StructType;

/** An input table whose rows have no keys yet. */
public sealed interface InputSource permits ParquetSource, StagedSource {
    /** Returns these columns of the table. */
    Dataset<Row> table(List<String> columns);

    /**
     * Returns a text that is equal for the same rows and differs when they change. Their order counts where rows come from files, whose
     * positions are their keys. {@code columns} are all columns in use.
     */
    String identity(List<String> columns);

    /**
     * Returns the rows with their places in the input.
     *
     * @param columns input columns to carry
     * @param staged directory where a source whose rows have no stable place writes them, and finds those that an earlier run wrote
     * @param scratch directory on the same file system in which {@code staged} is prepared
     */
    PlacedRows place(List<String> columns, Path staged, Path scratch);

    /**
     * Refuses a table without rows.
     *
     * @throws UserError if there are none
     */
    default void requireRows(String name) {
        if (isEmpty()) {
            throw UserError.of("input has no rows", name, "at least 1 is needed; check --input");
        }
    }

    /** Whether there are no rows. */
    boolean isEmpty();

    /** Returns the columns of the input; {@link Flaw} marks those that cannot be read, which matter only to a job that uses them. */
    StructType schema();
}
