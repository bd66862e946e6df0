package nighttrain.pipeline.lake;

import java.nio.file.Path;
import nighttrain.pipeline.GenerateJob;
import nighttrain.pipeline.monitor.ProgressListener;
import nighttrain.pipeline.settings.GenerateOptions;
import nighttrain.pipeline.settings.Settings;
import nighttrain.pipeline.testing.FakeEngines;
import nighttrain.pipeline.testing.TestSpark;
import nighttrain.pipeline.testing.TinyJob;
import nighttrain.pipeline.testing.TinyModel;
import org.apache.spark.sql.SparkSession;

/** Main class of a process that runs the job of a {@link LakeTest} and is killed. */
final class LakeChild {
    private LakeChild() {}

    /** Arguments: {@code FOLDER TABLE [conf key, value]...}. */
    public static void main(String[] arguments) {
        SparkSession.Builder builder = TestSpark.builder();
        for (int i = 2; i < arguments.length; i += 2) {
            builder.config(arguments[i], arguments[i + 1]);
        }
        GenerateOptions options = GenerateOptions.of(TinyJob.in(Path.of(arguments[0]), TinyModel.CONTEXT_TOKENS)
                .with(Settings.ID_COLUMN, "key")
                .with(Settings.OUTPUT_TABLE, arguments[1]));
        new GenerateJob(FakeEngines.create()).run(builder.getOrCreate(), options, ProgressListener.SILENT);
    }
}
