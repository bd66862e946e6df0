package nighttrain.pipeline.host;

import java.io.Serializable;
import nighttrain.executor.EngineConfig;
import nighttrain.pipeline.settings.GenerateOptions;
import nighttrain.pipeline.settings.SettingValues;
import nighttrain.pipeline.settings.Settings;
import nighttrain.pipeline.settings.Settings.LoadFormat;

/**
 * Identifies an engine: tasks with equal keys share one.
 *
 * @param model checkpoint directory on the executor
 * @param dummyWeights random weights instead of the checkpoint's
 * @param config the engine's configuration
 */
public record EngineKey(String model, boolean dummyWeights, EngineConfig config) implements Serializable {
    /** The engine of a job. */
    public static EngineKey of(GenerateOptions options) {
        return new EngineKey(options.model(), options.dummyWeights(), options.engine());
    }

    /** The engine of a job with these settings. */
    static EngineKey of(SettingValues values) {
        return new EngineKey(
                values.get(Settings.MODEL),
                values.get(Settings.LOAD_FORMAT) == LoadFormat.DUMMY,
                GenerateOptions.engine(values));
    }
}
