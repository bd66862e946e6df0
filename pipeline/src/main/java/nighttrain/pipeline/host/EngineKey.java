package nighttrain.pipeline.host;

import java.io.Serializable;
import nighttrain.executor.EngineConfig;
import nighttrain.pipeline.settings.GenerateOptions;
import nighttrain.pipeline.settings.LoadFormat;
import nighttrain.pipeline.settings.SettingValues;
import nighttrain.pipeline.settings.Settings;

/**
 * Which engine: tasks that ask for an equal one share it.
 *
 * @param model checkpoint directory on the executor
 * @param dummyWeights random weights instead of the checkpoint's
 * @param config what is asked of the engine
 */
public record EngineKey(String model, boolean dummyWeights, EngineConfig config) implements Serializable {
    /** The engine of a job. */
    public static EngineKey of(GenerateOptions options) {
        return new EngineKey(options.model(), options.dummyWeights(), options.engine());
    }

    /** The engine that a job with these settings will want. */
    static EngineKey of(SettingValues values) {
        return new EngineKey(
                values.get(Settings.MODEL),
                values.get(Settings.LOAD_FORMAT) == LoadFormat.DUMMY,
                GenerateOptions.engine(values));
    }
}
