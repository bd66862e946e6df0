package nighttrain.jobs.label;

import java.util.List;
import nighttrain.jobs.cli.Command;
import nighttrain.jobs.cli.Terminal;
import nighttrain.jobs.generate.GenerateCommand;
import nighttrain.pipeline.settings.Setting;
import nighttrain.pipeline.settings.Setting.SettingGroup;
import nighttrain.pipeline.settings.Settings;

/** {@code nighttrain label}: gives every row of a table a label with its probability. It is a generation job with another kind of rows. */
public final class LabelCommand {
    private LabelCommand() {}

    public static Command of(Terminal terminal) {
        return new GenerateCommand(
                terminal,
                new GenerateCommand.Form(
                        "label",
                        "Gives every row one of several labels, with its exact probability, as Parquet.",
                        "nighttrain label --model DIR --input PATH --output PATH --labels A,B [options]",
                        Settings.all().stream().filter(LabelCommand::isOfLabels).toList(),
                        List.of(Settings.LABELS, Settings.LABELS_FILE)));
    }

    /** Whether {@code label} has the setting: settings of sampling and output ids do not apply, as nothing is sampled. */
    private static boolean isOfLabels(Setting<?> setting) {
        boolean isOfText = setting.group() == SettingGroup.SAMPLING || setting.equals(Settings.TOKEN_IDS);
        return !isOfText || setting.equals(Settings.DEDUP);
    }
}
