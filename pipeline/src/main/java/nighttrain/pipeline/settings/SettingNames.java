package nighttrain.pipeline.settings;

import java.util.Map;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import nighttrain.io.UserError;

/**
 * Errors name settings as the command line does, {@code --max-tokens}. A program that calls us has never seen an option: for it
 * they name {@code maxTokens}.
 */
public final class SettingNames {
    private static final Pattern OPTION = Pattern.compile("--[a-z][a-z0-9-]*");

    private SettingNames() {}

    /** That error, with names in the place of options. */
    public static UserError in(UserError error) {
        return error.reworded(SettingNames::in);
    }

    static String in(String message) {
        return OPTION.matcher(message).replaceAll(SettingNames::name);
    }

    private static String name(MatchResult option) {
        return ByOption.NAMES.getOrDefault(option.group(), option.group());
    }

    /** Made late: {@link Settings} may not be complete yet when this class is loaded. */
    private static final class ByOption {
        static final Map<String, String> NAMES = Settings.all().stream()
                .flatMap(setting -> Stream.concat(Stream.of(setting.option()), setting.aliasOptions().stream())
                        .map(option -> Map.entry(option, setting.name())))
                .collect(Collectors.toMap(Map.Entry::getKey, Map.Entry::getValue));
    }
}
