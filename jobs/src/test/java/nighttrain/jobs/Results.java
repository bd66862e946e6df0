package nighttrain.jobs;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import java.util.stream.Stream;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;

/** Reads and writes a job's tables without code of the job. */
final class Results {
    private Results() {}

    /** Returns the id of every row in the order of the files. Reads without Spark, which tests of other processes do not need. */
    static List<String> ids(Path output) {
        List<String> ids = new ArrayList<>();
        try (Stream<Path> files = Files.list(output.resolve("results"))) {
            for (Path file : files.filter(file -> file.toString().endsWith(".parquet"))
                    .sorted()
                    .toList()) {
                Lines.of(file).forEach(line -> ids.add(line.text("id")));
            }
        } catch (IOException unreadable) {
            throw new UncheckedIOException(unreadable);
        }
        return ids;
    }

    /** Returns these columns (SQL expressions) of every row. */
    static List<Row> rows(Path output, String... columns) {
        return withSpark(spark -> spark.read()
                .parquet(output.resolve("results").toString())
                .selectExpr(columns)
                .collectAsList());
    }

    /** Writes a query's result as one Parquet file and returns its directory. */
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
