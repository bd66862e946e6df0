package nighttrain.jobs;

import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import nighttrain.pipeline.settings.Setting;
import nighttrain.pipeline.settings.SettingGroup;
import nighttrain.pipeline.settings.Settings;
import picocli.CommandLine.Model.ArgGroupSpec;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.ParseResult;

/** The options of a command that follow from the table of settings: nothing is named twice. */
final class SettingOptions {
    private SettingOptions() {}

    /** Adds an option for every setting, under the headings of the table. */
    static void addTo(CommandSpec command) {
        Map<SettingGroup, ArgGroupSpec.Builder> groups = new EnumMap<>(SettingGroup.class);
        for (Setting<?> setting : Settings.all()) {
            groups.computeIfAbsent(setting.group(), SettingOptions::heading).addArg(option(setting));
        }
        groups.values().forEach(group -> command.addArgGroup(group.build()));
    }

    /** What was given on the command line: setting to text, or to a list of texts where an option may be repeated. */
    static Map<String, Object> given(ParseResult command) {
        Map<String, Object> values = new LinkedHashMap<>();
        for (Setting<?> setting : Settings.all()) {
            if (command.hasMatchedOption(setting.option())) {
                values.put(
                        setting.name(), command.matchedOption(setting.option()).getValue());
            }
        }
        return values;
    }

    private static ArgGroupSpec.Builder heading(SettingGroup group) {
        return ArgGroupSpec.builder()
                .heading("%n" + group.title() + "%n")
                .order(group.ordinal())
                .validate(false);
    }

    private static OptionSpec option(Setting<?> setting) {
        String[] names =
                setting.aliasOptions().toArray(new String[setting.aliases().size() + 1]);
        names[names.length - 1] = setting.option();
        OptionSpec.Builder option = OptionSpec.builder(names).description(help(setting));
        switch (setting.type().shape()) {
            case SWITCH ->
                option.type(String.class)
                        .arity("0..1")
                        .fallbackValue("true")
                        .paramLabel(isOn(setting) ? "[=false]" : "");
            case ONE -> option.type(String.class).paramLabel(setting.placeholder());
            case REPEATED ->
                option.type(List.class).auxiliaryTypes(String.class).paramLabel(setting.placeholder());
        }
        return option.build();
    }

    private static <T> String help(Setting<T> setting) {
        String standard = setting.defaultValue()
                .filter(value -> !(value instanceof Boolean))
                .map(setting::print)
                .filter(text -> !text.isEmpty() && !text.equals("[]"))
                .map(text -> " (default: " + text + ")")
                .orElse("");
        return setting.help() + standard;
    }

    private static boolean isOn(Setting<?> setting) {
        return setting.defaultValue().filter(Boolean.TRUE::equals).isPresent();
    }
}
