package nighttrain.pipeline;

import java.util.HashMap;
import java.util.HashSet;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import nighttrain.io.UserError;
import nighttrain.pipeline.job.JobFolder;
import nighttrain.pipeline.settings.Setting;
import nighttrain.pipeline.settings.SettingValues;
import nighttrain.pipeline.settings.Settings;
import org.apache.hadoop.fs.Path;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SQLContext;
import org.apache.spark.sql.SaveMode;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.execution.datasources.LogicalRelation;
import org.apache.spark.sql.sources.BaseRelation;
import org.apache.spark.sql.sources.CreatableRelationProvider;
import org.apache.spark.sql.sources.DataSourceRegister;
import org.apache.spark.sql.sources.RelationProvider;
import scala.collection.JavaConverters;

/**
 * The Spark data source {@code format("nighttrain")}: a write runs a job over the table's rows, and a read returns what a job wrote.
 * Options are the settings by name, in any case, with or without underscores: {@code maxTokens} or {@code max_tokens}. A path holds one
 * job: a second write to the same path resumes the first run, or does nothing, and never adds rows twice.
 *
 * <p>{@code mode("overwrite")} replaces the output of another job and resumes the same job. The option {@code overwrite} computes
 * everything again.
 */
public final class NightTrainSource implements DataSourceRegister, CreatableRelationProvider, RelationProvider {
    private static final String PATH = "path";
    /** Option by which Spark passes the columns of {@code partitionBy}. */
    private static final String PARTITIONS = "__partition_columns";

    private static final String TABLE = "table";
    private static final String RESULTS = "results";
    private static final Set<String> TABLES = Set.of(RESULTS, "metrics");
    /** Options of a read. Reading a table of Spark's catalog, Spark passes the settings that wrote the table, too. */
    private static final Set<String> OF_A_READ = Set.of(PATH, TABLE, "serialization.format");

    /** Settings that the written table itself determines; a user cannot set them as options. */
    private static final Set<Setting<?>> OF_THE_TABLE =
            Set.of(Settings.INPUT_PATH, Settings.FORMAT, Settings.FORMAT_OPTION, Settings.OUTPUT_PATH);

    @Override
    public String shortName() {
        return "nighttrain";
    }

    /** Runs the job and returns its results. */
    @Override
    public BaseRelation createRelation(
            SQLContext context,
            SaveMode mode,
            scala.collection.immutable.Map<String, String> parameters,
            Dataset<Row> prompts) {
        SparkVersion.require();
        Map<String, String> options = options(parameters);
        SettingValues settings = SettingValues.none().with(Settings.OUTPUT_PATH, path(options));
        Set<Setting<?>> given = new HashSet<>();
        for (Map.Entry<String, String> option : options.entrySet()) {
            if (!option.getKey().equals(PATH)) {
                Setting<?> setting = setting(option.getKey());
                if (!given.add(setting)) {
                    throw Settings.givenTwice(setting);
                }
                settings = settings.set(setting, option.getValue());
            }
        }
        if (mode == SaveMode.Overwrite) {
            settings = settings.with(Settings.OVERWRITE_OTHER, true);
        }
        return relation(NightTrain.generate(prompts, settings));
    }

    /** Reads the results of a job, or its metrics with the option {@code table} set to {@code metrics}. */
    @Override
    public BaseRelation createRelation(SQLContext context, scala.collection.immutable.Map<String, String> parameters) {
        SparkVersion.require();
        Map<String, String> options = options(parameters);
        String table = options.getOrDefault(TABLE, RESULTS);
        if (!TABLES.contains(table)) {
            throw UserError.of("no such table", table, "results or metrics; leave the option table out for results");
        }
        for (String option : options.keySet()) {
            if (!OF_A_READ.contains(option) && Settings.findOption(option).isEmpty()) {
                throw UserError.of("unknown option", option, "a read takes a path and the option table; leave it out");
            }
        }
        SparkSession spark = (SparkSession) context.sparkSession();
        return relation(spark.read().parquet(place(spark, path(options), table)));
    }

    /** Returns the options by their names in lower case. */
    private static Map<String, String> options(scala.collection.immutable.Map<String, String> parameters) {
        Map<String, String> options = new HashMap<>();
        JavaConverters.mapAsJavaMap(parameters)
                .forEach((name, value) -> options.put(name.toLowerCase(Locale.ROOT), value));
        return options;
    }

    /** Returns where a table of a job lies, or the tables of all jobs whose folders match a pattern. */
    private static String place(SparkSession spark, String path, String table) {
        JobFolder folder = JobFolder.of(path, spark.sessionState().newHadoopConf());
        if (folder.fingerprint().isEmpty()) {
            return path + "/" + table;
        }
        if (!folder.isComplete()) {
            throw UserError.of(
                    "job is not finished",
                    folder.output(),
                    "its results are whole when summary.json is there; write the job again to finish it");
        }
        return JobFolder.read(new Path(folder.output(), table));
    }

    private static String path(Map<String, String> options) {
        return Optional.ofNullable(options.get(PATH))
                .orElseThrow(() -> UserError.of(
                        "missing option", PATH, "the directory of a job; give it to save or load, or as LOCATION"));
    }

    private static Setting<?> setting(String option) {
        if (option.equals(PARTITIONS)) {
            throw UserError.of(
                    "option has no use here", "partitionBy", "results are in the input's order; leave it out");
        }
        Setting<?> setting = Settings.ofOption(option);
        if (OF_THE_TABLE.contains(setting)) {
            throw UserError.of(
                    "option has no use here", option, "the table that is written and its path say it; leave it out");
        }
        return setting;
    }

    /** Returns the relation of the files themselves, so that Spark reads them as it reads any files of their format. */
    private static BaseRelation relation(Dataset<Row> files) {
        return ((LogicalRelation) files.queryExecution().analyzed()).relation();
    }
}
