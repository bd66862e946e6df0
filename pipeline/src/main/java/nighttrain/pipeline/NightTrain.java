package nighttrain.pipeline;

import nighttrain.io.UserError;
import nighttrain.pipeline.engine.EngineFactory;
import nighttrain.pipeline.engine.RealEngines;
import nighttrain.pipeline.progress.ProgressListener;
import nighttrain.pipeline.read.InputReader;
import nighttrain.pipeline.settings.GenerateOptions;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;

/** Night Train inside your own Spark job. */
public final class NightTrain {
    private NightTrain() {}

    /**
     * Completes the prompts of a table. Runs at once, writes to the options' output directory as the command line does, and
     * hands back a table over what was written: using that table again never runs the model again. A second call with the
     * same table and options goes on where the first stopped, or does nothing.
     *
     * @throws UserError for what the user can mend, nothing was written then; or where the deadline left rows
     */
    public static Dataset<Row> generate(Dataset<Row> prompts, GenerateOptions options) {
        return generate(prompts, options, new RealEngines());
    }

    static Dataset<Row> generate(Dataset<Row> prompts, GenerateOptions options, EngineFactory engines) {
        SparkSession spark = (SparkSession) prompts.sparkSession();
        GenerateReport report =
                new GenerateJob(engines).run(spark, options, InputReader.of(prompts), ProgressListener.SILENT);
        if (report.rowsLeft() > 0) {
            throw UserError.of(
                    "stopped in time",
                    report.rowsLeft() + " rows left",
                    "the deadline came; the same call goes on from here");
        }
        return spark.read().parquet(report.output() + "/results");
    }
}
