package nighttrain.pipeline;

import java.util.Optional;
import nighttrain.io.Causes;
import nighttrain.io.UserError;
import nighttrain.pipeline.host.EngineFactory;
import nighttrain.pipeline.host.EngineFactory.RealEngines;
import nighttrain.pipeline.job.JobFolder;
import nighttrain.pipeline.monitor.ProgressListener;
import nighttrain.pipeline.read.InputReader;
import nighttrain.pipeline.settings.GenerateOptions;
import nighttrain.pipeline.settings.SettingValues;
import nighttrain.pipeline.settings.SettingValues.SettingNames;
import org.apache.hadoop.fs.Path;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import scala.collection.JavaConverters;

/** Runs Night Train inside a user's own Spark job. */
public final class NightTrain {
    private NightTrain() {}

    /**
     * Completes the prompts of a table. The job runs at once and writes to the settings' output directory, as the command line does. The
     * returned table reads the written results: using it again never runs the model again. A second call with the same table and settings
     * resumes the first, or does nothing if that is finished.
     *
     * @param settings settings of the job; {@code spark.nighttrain.*} in the session's conf holds for each setting that is not set here
     * @throws UserError for an error that the user can fix, with nothing written; or where the deadline left rows
     */
    public static Dataset<Row> generate(Dataset<Row> prompts, SettingValues settings) {
        SparkVersion.require();
        return generate(prompts, settings, new RealEngines());
    }

    /** As {@link #generate(Dataset, SettingValues)}, with the settings of these options. */
    public static Dataset<Row> generate(Dataset<Row> prompts, GenerateOptions options) {
        return generate(prompts, options.settings());
    }

    static Dataset<Row> generate(Dataset<Row> prompts, SettingValues settings, EngineFactory engines) {
        try {
            return run(prompts, settings, engines);
        } catch (Exception failed) { // Spark wraps what tasks throw
            Optional<UserError> mendable = Causes.first(failed, UserError.class);
            if (mendable.isPresent()) {
                throw SettingNames.in(mendable.get());
            }
            throw failed;
        }
    }

    private static Dataset<Row> run(Dataset<Row> prompts, SettingValues settings, EngineFactory engines) {
        SparkSession spark = (SparkSession) prompts.sparkSession();
        SettingValues.refuseUnknown(
                JavaConverters.mapAsJavaMap(spark.conf().getAll()).keySet());
        SettingValues ofTheSession = SettingValues.of(
                key -> Optional.ofNullable(spark.conf().getOption(key).getOrElse(() -> null)));
        GenerateOptions options = GenerateOptions.of(settings.over(ofTheSession));
        GenerateReport report =
                new GenerateJob(engines).run(spark, options, InputReader.of(prompts), ProgressListener.SILENT);
        if (report.rowsLeft() > 0) {
            throw UserError.of(
                    "stopped in time",
                    report.rowsLeft() + " rows left",
                    "the deadline is reached; repeat the call to go on from here");
        }
        return spark.read().parquet(JobFolder.read(new Path(report.output(), "results")));
    }
}
