package nighttrain.jobs;

import java.nio.file.Path;
import java.util.List;
import java.util.function.Function;
import org.apache.spark.sql.Encoders;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;

/** Tables before and after a job, by a Spark that knows nothing of it. */
final class Results {
    private Results() {}

    /** The id of every row, in the order of the files. */
    static List<String> ids(Path output) {
        return withSpark(spark -> spark.read()
                .parquet(output.resolve("results").toString())
                .select("id")
                .as(Encoders.STRING())
                .collectAsList());
    }

    /** These columns (SQL) of every row. */
    static List<Row> rows(Path output, String... columns) {
        return withSpark(spark -> spark.read()
                .parquet(output.resolve("results").toString())
                .selectExpr(columns)
                .collectAsList());
    }

    /** Writes what a query says as one Parquet file; its directory. */
    static Path write(Path dir, String query) {
        return withSpark(spark -> {
            spark.sql(query).coalesce(1).write().parquet(dir.toString());
            return dir;
        });
    }

    private static <T> T withSpark(Function<SparkSession, T> use) {
        SparkSession.Builder builder = SparkSession.builder()
                .master("local[1]")
                .config("spark.sql.warehouse.dir", System.getProperty("java.io.tmpdir"));
        BriefRun.SPARK_CONF.forEach(builder::config);
        SparkSession spark = builder.getOrCreate();
        try {
            return use.apply(spark);
        } finally {
            spark.stop();
        }
    }
}
