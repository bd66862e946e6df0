package nighttrain.pipeline.read;

import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.SortedMap;
import nighttrain.io.UserError;
import nighttrain.pipeline.read.InputFiles.InputFile;
import org.apache.hadoop.conf.Configuration;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.broadcast.Broadcast;
import org.apache.spark.sql.DataFrameReader;
import org.apache.spark.sql.Encoders;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.util.SerializableConfiguration;

/** Compares the first lines of CSV files: Spark takes the column names from one file and the values of all files by position. */
final class CsvHeaders {
    private static final int TASKS_PER_SLOT = 4;

    private CsvHeaders() {}

    /**
     * Refuses a file whose columns are not those of the first file in the same order.
     *
     * @param options options of the reader, by names in any case
     */
    static void refuseOthers(
            SparkSession spark,
            DataFrameReader reader,
            SortedMap<String, String> options,
            InputFiles files,
            Configuration hadoop) {
        boolean named = Boolean.parseBoolean(options.get("header"));
        if (!named || files.files().size() < 2) {
            return;
        }
        String first = null;
        List<String> columns = List.of();
        for (Map.Entry<String, String> line :
                firstLines(spark, options, files, hadoop).entrySet()) {
            List<String> own = List.of(reader.csv(spark.createDataset(List.of(line.getKey()), Encoders.STRING()))
                    .columns());
            if (first == null) {
                first = line.getValue();
                columns = own;
            } else if (!lower(own).equals(lower(columns))) {
                throw UserError.of(
                        "CSV files with different columns",
                        line.getValue(),
                        "it has " + String.join(", ", own) + ", and " + first + " has " + String.join(", ", columns)
                                + "; write it in the same order, or run it as a job of its own");
            }
        }
    }

    /**
     * Returns each first line with a file that has it. The cluster reads the lines, since there may be many files and each costs a round trip
     * to its store.
     */
    private static Map<String, String> firstLines(
            SparkSession session, SortedMap<String, String> options, InputFiles files, Configuration hadoop) {
        String charset =
                options.getOrDefault("encoding", options.getOrDefault("charset", StandardCharsets.UTF_8.name()));
        JavaSparkContext spark = JavaSparkContext.fromSparkContext(session.sparkContext());
        Broadcast<SerializableConfiguration> conf = spark.broadcast(new SerializableConfiguration(hadoop));
        List<String> uris = files.files().stream().map(InputFile::uri).toList();
        List<String> lines = spark.parallelize(uris, Math.min(uris.size(), TASKS_PER_SLOT * spark.defaultParallelism()))
                .map(uri -> FirstLine.of(uri, conf.value().value(), Charset.forName(charset)))
                .collect();
        Map<String, String> fileOfLine = new LinkedHashMap<>();
        for (int i = 0; i < lines.size(); i++) {
            if (!lines.get(i).isBlank()) { // an empty file has no first line
                fileOfLine.putIfAbsent(lines.get(i), files.files().get(i).name());
            }
        }
        return fileOfLine;
    }

    private static List<String> lower(List<String> names) {
        return names.stream().map(name -> name.toLowerCase(Locale.ROOT)).toList();
    }
}
