package nighttrain.pipeline.read;

import java.util.HashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import nighttrain.io.UserError;
import nighttrain.pipeline.settings.InputOptions;
import nighttrain.pipeline.settings.Setting;
import nighttrain.pipeline.settings.Settings;
import org.apache.hadoop.conf.Configuration;
import org.apache.spark.sql.DataFrameReader;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;

/** Opens tables; reads no row. */
public final class InputReader {
    private static final String PARQUET = "parquet";
    /** Formats whose rows know their file. */
    private static final Set<String> FILE_FORMATS =
            Set.of("csv", "json", "orc", "text", "avro", "xml", "binaryfile", InputOptions.OPENAI_BATCH);

    private final SparkSession spark;
    private final Configuration hadoop;

    public InputReader(SparkSession spark) {
        this.spark = spark;
        this.hadoop = spark.sessionState().newHadoopConf();
    }

    /**
     * The table that options name.
     *
     * @throws UserError where there is none or Spark cannot read it
     */
    public InputSource open(InputOptions options) {
        String format = options.format().toLowerCase(Locale.ROOT);
        boolean files = format.equals(PARQUET) || FILE_FORMATS.contains(format);
        if (files && options.path().isEmpty()) {
            Setting<String> input = Settings.INPUT_PATH;
            throw UserError.of(
                    "missing option",
                    input.option(),
                    input.help() + "; give " + input.option() + " " + input.placeholder());
        }
        Optional<InputFiles> listing = options.path().filter(path -> files).map(path -> InputFiles.list(path, hadoop));
        listing.ifPresent(found -> refuseEmpty(found, options.path().orElseThrow()));
        Dataset<Row> table = load(options);
        return format.equals(PARQUET)
                ? new ParquetSource(table, listing.orElseThrow())
                : new StagedSource(table, listing);
    }

    /** A table that a user's own program made. */
    public static InputSource of(Dataset<Row> table) {
        return new StagedSource(table, Optional.empty());
    }

    private static void refuseEmpty(InputFiles found, String path) {
        if (found.files().isEmpty()) {
            throw UserError.of("input is empty", path, "no file is in it; check --input");
        }
    }

    private Dataset<Row> load(InputOptions options) {
        if (options.isBatch()) {
            return BatchLines.table(spark, options.path().orElseThrow());
        }
        Map<String, String> formatOptions = new HashMap<>();
        if (options.format().equalsIgnoreCase("csv")) {
            // A table without names for its columns is of no use here.
            formatOptions.put("header", "true");
            formatOptions.put("multiLine", "true");
            formatOptions.put("escape", "\"");
        }
        formatOptions.putAll(options.formatOptions());
        DataFrameReader reader = spark.read().format(options.format()).options(formatOptions);
        try {
            return options.path().isPresent() ? reader.load(options.path().get()) : reader.load();
        } catch (Exception unreadable) {
            throw cannotRead(options, unreadable);
        }
    }

    // Spark throws AnalysisException, which is checked, past a signature that does not say so.
    private static UserError cannotRead(InputOptions options, Exception cause) {
        return UserError.of(
                "cannot read input",
                options.path().orElse(options.format()),
                "as " + options.format() + ": " + firstLine(cause) + "; check --input and --format",
                cause);
    }

    private static String firstLine(Throwable cause) {
        String message = String.valueOf(cause.getMessage());
        int end = message.indexOf('\n');
        return (end < 0 ? message : message.substring(0, end)).strip();
    }
}
