package nighttrain.pipeline;

import nighttrain.pipeline.engine.EngineFactory;
import nighttrain.pipeline.progress.ProgressListener;
import nighttrain.pipeline.settings.GenerateOptions;
import org.apache.spark.sql.SparkSession;

/** Prompts in a table to completions in a table. */
public final class GenerateJob {
    private final EngineFactory engines;

    /** With the real engine. */
    public GenerateJob() {
        this((config, model, dummy) -> {
            throw new IllegalStateException("not yet");
        });
    }

    /** With engines of another make. */
    public GenerateJob(EngineFactory engines) {
        this.engines = engines;
    }

    /**
     * Reads {@code --input}, writes {@code --output}.
     *
     * @throws nighttrain.io.UserError for what the user can mend; nothing was written then
     */
    public GenerateReport run(SparkSession spark, GenerateOptions options, ProgressListener progress) {
        throw new IllegalStateException("not yet: " + engines);
    }
}
