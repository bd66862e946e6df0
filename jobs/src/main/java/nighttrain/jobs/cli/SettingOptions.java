package nighttrain.jobs.cli;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import nighttrain.pipeline.settings.Setting;
import nighttrain.pipeline.settings.SettingType.Shape;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.ParseResult;

/** Derives a command's options from a table of settings, so that nothing is named twice. */
public final class SettingOptions {
    private SettingOptions() {}

    /** Returns an option for every setting, under the headings of their groups, in the order of the table. */
    public static Map<String, List<OptionSpec>> byHeading(List<Setting<?>> table) {
        Map<String, List<OptionSpec>> options = new LinkedHashMap<>();
        for (Setting<?> setting : table) {
            options.computeIfAbsent(setting.group().title(), title -> new ArrayList<>())
                    .add(option(setting));
        }
        return options;
    }

    /** Returns options that the command accepts but help does not show. */
    public static List<OptionSpec> hidden(List<Setting<?>> table) {
        return table.stream()
                .map(setting -> OptionSpec.builder(option(setting)).hidden(true).build())
                .toList();
    }

    /** Returns the settings on the command line: name to text, or to a list of texts where an option may be repeated. */
    public static Map<String, Object> given(ParseResult command, List<Setting<?>> table) {
        Map<String, Object> values = new LinkedHashMap<>();
        for (Setting<?> setting : table) {
            if (command.hasMatchedOption(setting.option())) {
                values.put(
                        setting.name(), command.matchedOption(setting.option()).getValue());
            }
        }
        return values;
    }

    private static OptionSpec option(Setting<?> setting) {
        String[] names =
                setting.aliasOptions().toArray(new String[setting.aliases().size() + 1]);
        names[names.length - 1] = setting.option();
        OptionSpec.Builder option = OptionSpec.builder(names).description(help(setting));
        switch (setting.type().shape()) {
            case SWITCH -> option.type(String.class).arity("0..1").fallbackValue("true");
            case ONE -> option.type(String.class).paramLabel(setting.placeholder());
            case REPEATED ->
                option.type(List.class).auxiliaryTypes(String.class).paramLabel(setting.placeholder());
        }
        return option.build();
    }

    private static <T> String help(Setting<T> setting) {
        String text = setting.defaultValue().map(setting::print).orElse("");
        if (text.isEmpty() || text.equals("[]") || text.equals("false")) {
            return setting.help();
        }
        boolean isSwitch = setting.type().shape() == Shape.SWITCH;
        return setting.help()
                + (isSwitch ? " (default; " + setting.option() + "=false: not)" : " (default: " + text + ")");
    }
}
