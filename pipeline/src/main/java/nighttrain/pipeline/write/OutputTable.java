package nighttrain.pipeline.write;

import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.count;
import static org.apache.spark.sql.functions.lit;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import nighttrain.io.Causes;
import nighttrain.io.UserError;
import nighttrain.pipeline.read.InputSource;
import nighttrain.pipeline.read.RowNames;
import nighttrain.pipeline.settings.GenerateOptions;
import nighttrain.pipeline.settings.Settings;
import nighttrain.pipeline.settings.Settings.TableMode;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Encoders;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.catalyst.expressions.Cast;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructField;
import org.apache.spark.sql.types.StructType;

/**
 * A Delta or Iceberg table that receives a job's results in one commit: it holds either all rows of a job or none. Each row carries the
 * name of its commit, so that a run that does not know how the previous run ended finds an existing commit and does not repeat it.
 *
 * @param name name of the table in SQL
 * @param options options of the job
 */
public record OutputTable(SparkSession spark, String name, GenerateOptions options) {
    /** The column with the name of a row's commit. */
    static final String JOB = "job";

    private static final String DELTA = "delta";
    private static final String ICEBERG = "iceberg";
    /** Formats with atomic commits. */
    private static final Set<String> ATOMIC = Set.of(DELTA, ICEBERG);

    private static final String SESSION_CATALOG = "spark_catalog";
    private static final String IN_MEMORY = "in-memory";

    /** Returns the output table that the options name, if any. */
    public static Optional<OutputTable> of(SparkSession spark, GenerateOptions options) {
        return options.settings().find(Settings.OUTPUT_TABLE).map(name -> new OutputTable(spark, name, options));
    }

    /**
     * Creates the table if there is none, so that obstacles to the commit are known before anything is computed.
     *
     * @throws UserError if rows of the source have no unique ids to be merged by, or the table cannot be created or does not fit the
     *     results
     */
    public void prepare(InputSource source) {
        if (merges()) {
            refuseIdsThatNameNoRow(source);
        }
        StructType results = ResultTable.schema(spark, source.schema(), options);
        if (find(results, JOB).isPresent()) {
            throw UserError.of(
                    "cannot keep column",
                    JOB,
                    "the output table has a column of that name for the job of each row; rename it in the input");
        }
        StructType rows = results.add(JOB, DataTypes.StringType);
        if (!exists()) {
            create(rows);
        }
        refuseUnfit(rows);
    }

    /** Appends the results or merges them into the table, unless the table has a commit of this name. */
    public void commit(Dataset<Row> results, String commit) throws Exception {
        if (!spark.read().table(name).filter(col(JOB).equalTo(commit)).isEmpty()) {
            return;
        }
        Dataset<Row> rows = results.withColumn(JOB, lit(commit));
        if (!merges()) {
            rows.writeTo(name).append();
            return;
        }
        String view = "nighttrain_" + commit.replace('-', '_');
        rows.createOrReplaceTempView(view);
        try {
            spark.sql(merge(view, List.of(rows.columns())));
        } finally {
            spark.catalog().dropTempView(view);
        }
    }

    private boolean merges() {
        return options.settings().get(Settings.TABLE_MODE) == TableMode.MERGE;
    }

    /** Returns the MERGE statement. It names every column: a star would leave out columns that the table lacks. */
    private String merge(String view, List<String> columns) {
        Stream<String> key = Stream.of(RowNames.ID, RowNames.SAMPLE).limit(options.samples() > 1 ? 2 : 1);
        return "MERGE INTO " + name + " AS old USING " + view + " AS new ON "
                + key.map(OutputTable::both).collect(Collectors.joining(" AND "))
                + " WHEN MATCHED THEN UPDATE SET "
                + columns.stream().map(OutputTable::both).collect(Collectors.joining(", "))
                + " WHEN NOT MATCHED THEN INSERT ("
                + columns.stream().map(OutputTable::quoted).collect(Collectors.joining(", ")) + ") VALUES ("
                + columns.stream().map(column -> "new." + quoted(column)).collect(Collectors.joining(", ")) + ")";
    }

    private static String both(String column) {
        return "old." + quoted(column) + " = new." + quoted(column);
    }

    private static String quoted(String column) {
        return "`" + column.replace("`", "``") + "`";
    }

    private void refuseIdsThatNameNoRow(InputSource source) {
        String append = Settings.TABLE_MODE.option() + " append";
        String id = options.input()
                .idColumn()
                .orElseThrow(() -> UserError.of(
                        "missing option",
                        Settings.ID_COLUMN.option(),
                        Settings.OUTPUT_TABLE.option() + " merges rows by id, and another input has other rows at the"
                                + " same places; name a column of ids, or use " + append));
        Column value = col(quoted(id));
        List<Row> repeated = source.table(List.of(id))
                .filter(value.isNotNull())
                .groupBy(value.cast(DataTypes.StringType))
                .agg(count(lit(1)).as("rows"))
                .filter("rows > 1")
                .takeAsList(1);
        if (!repeated.isEmpty()) {
            throw UserError.of(
                    "id of several rows",
                    repeated.get(0).getString(0),
                    Settings.OUTPUT_TABLE.option() + " merges rows by id, so each is needed once; name another "
                            + Settings.ID_COLUMN.option() + ", or use " + append);
        }
    }

    private boolean exists() {
        try {
            return spark.catalog().tableExists(name);
        } catch (Exception | LinkageError notThere) { // Delta throws a checked exception for a path without a table
            return false;
        }
    }

    private void create(StructType rows) {
        boolean isPath = name.toLowerCase(Locale.ROOT).startsWith(DELTA + ".`");
        String catalog = catalog();
        if (!isPath
                && catalog.equals(SESSION_CATALOG)
                && spark.conf()
                        .get("spark.sql.catalogImplementation", IN_MEMORY)
                        .equals(IN_MEMORY)) {
            throw UserError.of(
                    "output table would be forgotten",
                    name,
                    "Spark's own catalog is in memory here; name a table of another catalog, or of a Hive metastore, or"
                            + " a path as delta.`/PATH`");
        }
        try {
            spark.createDataset(List.<Row>of(), Encoders.row(rows))
                    .writeTo(name)
                    .using(conf("spark.sql.catalog." + catalog).contains(ICEBERG) ? ICEBERG : DELTA)
                    .create();
        } catch (Exception | LinkageError refused) { // undeclared checked ones; LinkageError: package of another Spark
            throw UserError.of(
                    "cannot make output table",
                    name,
                    Causes.message(refused) + "; check the name, the catalog's conf and its package for this Spark",
                    refused);
        }
    }

    /** Returns the catalog that the first part of the name names, or else the current catalog. */
    private String catalog() {
        String first = name.split("\\.", -1)[0].replace("`", "");
        return conf("spark.sql.catalog." + first).isEmpty() ? spark.catalog().currentCatalog() : first;
    }

    private String conf(String key) {
        return spark.conf().get(key, "");
    }

    private void refuseUnfit(StructType rows) {
        String format = format();
        if (!ATOMIC.contains(format)) {
            throw UserError.of(
                    "no Delta or Iceberg table",
                    name + " is " + (format.isEmpty() ? "a view" : format),
                    "only such tables take rows in one commit; name another --output-table");
        }
        StructType table = spark.read().table(name).schema();
        List<String> unfit = new ArrayList<>();
        for (StructField column : rows.fields()) {
            Optional<StructField> there = find(table, column.name());
            if (there.isEmpty()
                    || !Cast.canUpCast(column.dataType(), there.get().dataType())) {
                unfit.add(column.name() + " " + column.dataType().sql());
            }
        }
        if (!unfit.isEmpty()) {
            throw UserError.of(
                    "output table lacks columns",
                    name,
                    String.join(", ", unfit) + "; add them by ALTER TABLE, or name a table that is not there yet");
        }
    }

    private static Optional<StructField> find(StructType schema, String column) {
        return Arrays.stream(schema.fields())
                .filter(field -> field.name().equalsIgnoreCase(column))
                .findFirst();
    }

    /** Returns the table's format in lower case; empty for a view. */
    private String format() {
        List<Row> described = spark.sql("DESCRIBE TABLE EXTENDED " + name)
                .filter(col("col_name").equalTo("Provider"))
                .collectAsList();
        return described.isEmpty()
                ? ""
                : described.get(described.size() - 1).getString(1).toLowerCase(Locale.ROOT);
    }
}
