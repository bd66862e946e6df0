package nighttrain.pipeline;

import nighttrain.pipeline.settings.GenerateOptions;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;

/** Night Train inside your own Spark job. */
public final class NightTrain {
    private NightTrain() {}

    /**
     * Completes the prompts of a table. Runs at once, writes to the options' output directory as the command line does, and
     * hands back a table over what was written: using that table again never runs the model again.
     */
    public static Dataset<Row> generate(Dataset<Row> prompts, GenerateOptions options) {
        throw new IllegalStateException("not yet");
    }
}
