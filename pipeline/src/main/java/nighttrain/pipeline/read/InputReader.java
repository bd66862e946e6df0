package nighttrain.pipeline.read;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Supplier;
import nighttrain.io.Causes;
import nighttrain.io.UserError;
import nighttrain.pipeline.read.InputFiles.InputFile;
import nighttrain.pipeline.settings.GenerateOptions.InputOptions;
import nighttrain.pipeline.settings.Setting;
import nighttrain.pipeline.settings.Settings;
import org.apache.hadoop.conf.Configuration;
import org.apache.spark.sql.DataFrameReader;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.StructType;

/** Opens input tables without reading rows. */
public final class InputReader {
    private static final String PARQUET = "parquet";
    private static final String JSON = "json";
    private static final String CSV = "csv";
    private static final String ICEBERG = "iceberg";
    /** Formats whose rows carry the name of their file. */
    private static final Set<String> FILE_FORMATS =
            Set.of(PARQUET, CSV, JSON, "orc", "text", "avro", "xml", "binaryfile");
    /** Formats of tables that catalogs list by name. */
    private static final Set<String> TABLE_FORMATS = Set.of("delta", ICEBERG);
    /** Options by which a user makes Spark choose among the files. */
    private static final List<String> CHOOSING = List.of("pathGlobFilter", "modifiedBefore", "modifiedAfter");

    private static final boolean HAS_HIVE =
            InputReader.class.getClassLoader().getResource("org/apache/hadoop/hive/conf/HiveConf.class") != null;
    private static final String RECURSIVE = "recursiveFileLookup";
    private static final String MULTI_LINE = "multiLine";
    private static final String CORRUPT_NAME = "columnNameOfCorruptRecord";

    private final SparkSession spark;
    private final Configuration hadoop;

    public InputReader(SparkSession spark) {
        this.spark = spark;
        this.hadoop = spark.sessionState().newHadoopConf();
    }

    /**
     * Opens the table that the options name.
     *
     * @throws UserError if there is no such table or Spark cannot read it
     */
    public InputSource open(InputOptions options) {
        String format = options.format().toLowerCase(Locale.ROOT);
        if (!FILE_FORMATS.contains(format) && options.kind().requestColumn().isEmpty()) {
            return new StagedSource(load(options, () -> table(options, format)), Optional.empty());
        }
        if (options.path().isEmpty()) {
            Setting<String> input = Settings.INPUT_PATH;
            throw UserError.of(
                    "missing option",
                    input.option(),
                    input.help() + "; give " + input.option() + " " + input.placeholder());
        }
        InputFiles files = InputFiles.list(options.path().get(), hadoop).readWith(options.formatOptions());
        if (format.equals(JSON) && !isSet(options, MULTI_LINE)) {
            refuseArray(files, hadoop);
        }
        return load(options, () -> open(format, options, files));
    }

    private Dataset<Row> table(InputOptions options, String format) {
        DataFrameReader reader = reader(options, Map.of());
        if (options.path().isEmpty()) {
            return reader.load();
        }
        String input = options.path().get();
        if (TABLE_FORMATS.contains(format) && isName(input)) {
            // Iceberg loads names as well. Spark 3.5 drops versionAsOf where it reads a name, and would read the newest
            // rows.
            return format.equals(ICEBERG) ? reader.load(input) : reader.table(input);
        }
        if (format.equals(ICEBERG)) {
            setCatalogOfPaths(input);
        }
        return reader.load(input);
    }

    /** Whether a catalog has a table of that name; an input with a slash or a colon is a path. */
    private boolean isName(String input) {
        return !input.contains("/") && !input.contains(":") && spark.catalog().tableExists(input);
    }

    /**
     * Gives Iceberg a Hadoop catalog for paths, unless the session has another that opens. Iceberg would make that catalog Hive's at its
     * first table, and Spark without Hive cannot open it.
     */
    private void setCatalogOfPaths(String path) {
        String catalog = "spark.sql.catalog.default_iceberg";
        boolean cannotBeOpened = spark.conf().get(catalog + ".type", "").equals("hive") && !HAS_HIVE;
        if (spark.conf().getOption(catalog).isEmpty() || cannotBeOpened) {
            spark.conf().set(catalog, "org.apache.iceberg.spark.SparkCatalog");
            spark.conf().set(catalog + ".type", "hadoop");
            spark.conf().set(catalog + ".warehouse", path);
        }
    }

    /** Returns a source over a table that a user's own program made. */
    public static InputSource of(Dataset<Row> table) {
        return new StagedSource(table, Optional.empty());
    }

    private InputSource open(String format, InputOptions options, InputFiles listed) {
        // Spark leaves out files in deeper folders, unless the recursive option is set or they are partition folders.
        Map<String, String> layout = listed.partitions().isEmpty() ? Map.of(RECURSIVE, String.valueOf(true)) : Map.of();
        if (format.equals(PARQUET)) {
            InputFiles files = chosen(
                    options,
                    listed,
                    () -> reader(options, layout).schema(new StructType()).load(listed.pattern()));
            boolean skipCorrupt = isSet(options, InputFiles.SKIP_CORRUPT)
                    || Boolean.parseBoolean(spark.conf().get("spark.sql.files." + InputFiles.SKIP_CORRUPT, "false"));
            ParquetSource source = ParquetSource.open(spark, reader(options, layout), listed, files, skipCorrupt);
            requireAll(files, source.inputFiles());
            return source;
        }
        Dataset<Row> table = options.kind()
                .table(spark.read().options(layout), listed.pattern())
                .orElseGet(() -> reader(options, layout).load(listed.pattern()));
        InputFiles files = chosen(options, listed, () -> table);
        requireAll(files, table.inputFiles());
        Dataset<Row> rows = format.equals(CSV) ? csv(table, options, layout, files) : table;
        return new StagedSource(withColumns(rows, format, options, listed), Optional.of(listed));
    }

    private Dataset<Row> csv(Dataset<Row> table, InputOptions options, Map<String, String> layout, InputFiles files) {
        SortedMap<String, String> all = readerOptions(options, Map.of());
        CsvHeaders.refuseOthers(spark, reader(options, Map.of()), all, files, hadoop);
        // A user who sets the mode decides how malformed rows are read.
        boolean checks = option(options, "mode").isEmpty()
                && table.columns().length > files.partitions().size()
                && !Columns.has(table.schema(), corruptName(options));
        return checks ? CsvRows.withLongRows(table, reader(options, layout), all, files, corruptName(options)) : table;
    }

    private DataFrameReader reader(InputOptions options, Map<String, String> layout) {
        return spark.read().format(options.format()).options(readerOptions(options, layout));
    }

    /** Returns the options of Spark's reader, by names in any case, as Spark takes them. */
    private static SortedMap<String, String> readerOptions(InputOptions options, Map<String, String> layout) {
        SortedMap<String, String> all = new TreeMap<>(String.CASE_INSENSITIVE_ORDER);
        all.putAll(layout);
        if (options.format().equalsIgnoreCase(CSV)) {
            // Columns need names: a job refers to columns by name.
            all.put("header", "true");
            all.put(MULTI_LINE, "true");
            all.put("escape", "\"");
        }
        all.putAll(options.formatOptions());
        return all;
    }

    /** Returns the files that Spark chooses if the user set an option that makes it choose; else all files. */
    private static InputFiles chosen(InputOptions options, InputFiles listed, Supplier<Dataset<Row>> table) {
        boolean chooses =
                CHOOSING.stream().anyMatch(name -> option(options, name).isPresent());
        return chooses ? listed.only(table.get().inputFiles()) : listed;
    }

    private static boolean isSet(InputOptions options, String option) {
        return option(options, option).map(Boolean::parseBoolean).orElse(false);
    }

    private static Optional<String> option(InputOptions options, String name) {
        return options.formatOptions().entrySet().stream()
                .filter(option -> option.getKey().equalsIgnoreCase(name))
                .map(Map.Entry::getValue)
                .findFirst();
    }

    /** Refuses an input with files that Spark's listing leaves out: their rows would be missing in the results without an error. */
    private static void requireAll(InputFiles files, String[] read) {
        Set<String> left = new TreeSet<>(
                files.files().stream().map(InputFiles.InputFile::name).toList());
        Arrays.stream(read).map(files::relative).forEach(left::remove);
        if (!left.isEmpty()) {
            throw UserError.of(
                    "file would not be read",
                    left.iterator().next() + (left.size() > 1 ? " and " + (left.size() - 1) + " more" : ""),
                    "Spark's listing leaves it out; move it, or name its folder by --input,"
                            + " or leave it out by --format-option pathGlobFilter=PATTERN");
        }
    }

    /**
     * Returns the table, and refuses one without columns. Rows that Spark could not parse while it inferred the columns become row errors;
     * if no row could be parsed, the columns are unknown.
     */
    private Dataset<Row> withColumns(Dataset<Row> table, String format, InputOptions options, InputFiles files) {
        String corrupt = corruptName(options);
        boolean hasCorrupt = Columns.has(table.schema(), corrupt);
        boolean hasOthers = Arrays.stream(table.schema().fieldNames())
                .anyMatch(name -> !name.equals(corrupt) && !files.partitions().contains(name));
        if (hasOthers) {
            return hasCorrupt ? CorruptColumn.mark(table, corrupt, format) : table;
        }
        boolean wantsMultiLine = format.equals(JSON) && !isSet(options, MULTI_LINE);
        throw UserError.of(
                hasCorrupt ? "cannot read input" : "input has no columns",
                options.path().orElseThrow(),
                hasCorrupt
                        ? "no row of it can be parsed as " + format + "; check --input and --format"
                                + (wantsMultiLine
                                        ? ", or give --format-option multiLine=true for rows over several lines"
                                        : "")
                        : "without rows, " + format + " does not tell them; check --input");
    }

    private String corruptName(InputOptions options) {
        return option(options, CORRUPT_NAME)
                .orElseGet(() -> spark.conf().get("spark.sql." + CORRUPT_NAME, "_corrupt_record"));
    }

    /** Runs an action of Spark's reader. Spark throws the checked AnalysisException without declaring it. */
    private static <T> T load(InputOptions options, Supplier<T> action) {
        try {
            return action.get();
        } catch (UserError known) {
            throw known;
        } catch (Exception | AssertionError | LinkageError unreadable) { // LinkageError: package of another Spark
            if (isUnknown(options.format(), unreadable)) {
                throw UserError.of(
                        "unknown format",
                        options.format(),
                        "Spark has no source of that name; use parquet, csv, jsonl, orc, text or openai-batch, or add the"
                                + " source's jar by --conf spark.jars",
                        unreadable);
            }
            UnreadableFile.throwIfBehind(unreadable);
            throw UserError.of(
                    "cannot read input",
                    options.path().orElse(options.format()),
                    "as " + options.format() + ": " + Causes.message(unreadable) + "; check --input and --format"
                            + (TABLE_FORMATS.contains(options.format().toLowerCase(Locale.ROOT))
                                    ? ", and bring its package for this Spark by --conf spark.jars.packages"
                                    : ""),
                    unreadable);
        }
    }

    private static boolean isUnknown(String format, Throwable unreadable) {
        return !TABLE_FORMATS.contains(format.toLowerCase(Locale.ROOT))
                && String.valueOf(unreadable.getMessage()).startsWith("[DATA_SOURCE_NOT_FOUND]");
    }

    /**
     * Refuses a JSON file that is one array over several lines: Spark takes every line for a row, and none of them parses as one. It checks only
     * the first file: files of a folder are of one kind, and a row of another kind becomes a row error.
     */
    private static void refuseArray(InputFiles files, Configuration hadoop) {
        InputFile first = files.files().get(0);
        String line = FirstLine.of(first.uri(), hadoop, StandardCharsets.UTF_8).strip();
        if (line.startsWith("[") && !line.endsWith("]") && line.length() < FirstLine.MOST_CHARS - 1) {
            throw UserError.of(
                    "input is one JSON array",
                    first.name(),
                    "one object per line is needed; use --format-option multiLine=true to read an array");
        }
    }
}
