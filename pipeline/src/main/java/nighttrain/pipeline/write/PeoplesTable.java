package nighttrain.pipeline.write;

import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.to_json;

import java.util.Arrays;
import org.apache.hadoop.fs.Path;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.types.ArrayType;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.MapType;
import org.apache.spark.sql.types.StructType;

/** Writes a small table for people to review, in its own order: as Parquet, and as CSV with nested values as JSON. */
public record PeoplesTable(Dataset<Row> rows) {
    /** Writes one Parquet file. */
    public void writeParquet(Path folder) {
        rows.coalesce(1).write().mode("overwrite").parquet(folder.toString());
    }

    /** Writes one CSV file with a header line. */
    public void writeCsv(Path folder) {
        Column[] columns = Arrays.stream(rows.schema().fields())
                .map(field -> text(field.name(), field.dataType()).as(field.name()))
                .toArray(Column[]::new);
        rows.coalesce(1)
                .select(columns)
                .write()
                .mode("overwrite")
                .option("header", true)
                .option("escape", "\"")
                .csv(folder.toString());
    }

    private static Column text(String name, DataType type) {
        Column value = col("`" + name.replace("`", "``") + "`");
        boolean nested = type instanceof StructType || type instanceof ArrayType || type instanceof MapType;
        return nested ? to_json(value) : value.cast(DataTypes.StringType);
    }
}
