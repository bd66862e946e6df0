package nighttrain.pipeline.testing;

import java.nio.file.Path;
import nighttrain.pipeline.settings.SettingValues;
import nighttrain.pipeline.settings.Settings;
import nighttrain.pipeline.settings.Settings.LoadFormat;

/** Settings of a job with a {@link TinyModel}. One folder has all it needs: {@code model}, {@code input} and {@code output}. */
public final class TinyJob {
    private TinyJob() {}

    /** Writes the model and returns the settings. */
    public static SettingValues in(Path dir, int contextTokens) {
        return SettingValues.none()
                .with(
                        Settings.MODEL,
                        TinyModel.in(dir.resolve("model"), contextTokens).toString())
                .with(Settings.LOAD_FORMAT, LoadFormat.DUMMY)
                .with(Settings.INPUT_PATH, dir.resolve("input").toString())
                .with(Settings.OUTPUT_PATH, dir.resolve("output").toString());
    }
}
