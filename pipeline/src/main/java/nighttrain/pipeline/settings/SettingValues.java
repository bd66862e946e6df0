package nighttrain.pipeline.settings;

import java.io.IOException;
import java.io.Serializable;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.Function;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import nighttrain.io.UserError;
import nighttrain.pipeline.settings.SettingType.TextList;

/** The values of settings, from any source: one text per setting, checked when it is added. Immutable. */
public final class SettingValues implements Serializable {
    private static final long serialVersionUID = 1L;
    private static final SettingValues NONE = new SettingValues(Map.of());

    private static final Pattern SECRET =
            Pattern.compile("(?i)^([^=]*(?:secret|password|token|key)[^=]*)=.*", Pattern.DOTALL);

    private static final String BYTE_ORDER_MARK = "\uFEFF";

    /** Prefix, after {@link Setting#CONF_PREFIX}, of keys in Spark's conf that Night Train itself sets. */
    private static final String INTERNAL = "stage.";

    /** Texts by setting name, as {@link Setting#print} writes them. */
    private final TreeMap<String, String> texts;

    private SettingValues(Map<String, String> texts) {
        this.texts = new TreeMap<>(texts);
    }

    /** Returns values with nothing set: every value is the default. */
    public static SettingValues none() {
        return NONE;
    }

    /**
     * Merges values that a user set in several places: options override Spark's conf, which overrides the config file.
     *
     * @param options values by lowerCamel name or alias: text, numbers, booleans or lists of text
     * @param sparkConf returns the value of a conf key
     * @param file values of the config file, in the form of {@code options}
     * @throws UserError for an unknown name or a bad value
     */
    public static SettingValues resolve(
            Map<String, ?> options, Function<String, Optional<String>> sparkConf, Map<String, ?> file) {
        Map<String, String> texts = new LinkedHashMap<>();
        texts.putAll(checked(file, "config file"));
        for (Setting<?> setting : Settings.all()) {
            for (String key : confKeys(setting)) {
                sparkConf.apply(key).ifPresent(text -> texts.put(setting.name(), normal(setting, text)));
            }
        }
        texts.putAll(checked(options, "options"));
        return new SettingValues(texts);
    }

    /** Returns the values of Spark's conf alone. */
    public static SettingValues of(Function<String, Optional<String>> sparkConf) {
        return resolve(Map.of(), sparkConf, Map.of());
    }

    /** Returns these values and one more. */
    public <T> SettingValues with(Setting<T> setting, T value) {
        return set(setting, value);
    }

    /**
     * Returns these values and one more, for callers in languages without static types.
     *
     * @param value of the setting's type, or text as on the command line; a map where JSON is expected
     * @throws UserError for any other value
     */
    public SettingValues set(Setting<?> setting, Object value) {
        SettingValues more = new SettingValues(texts);
        more.texts.put(setting.name(), checked(setting, value));
        return more;
    }

    /**
     * As {@link #set(Setting, Object)}.
     *
     * @param name in lowerCamel, or an alias: {@code maxTokens}
     */
    public SettingValues set(String name, Object value) {
        return set(
                Settings.find(name)
                        .orElseThrow(() -> UserError.of(
                                "no such setting",
                                name,
                                "names are written as in maxTokens; use " + Settings.nearest(name)
                                        + " if that is meant, see nighttrain generate --help for all")),
                value);
    }

    /** Returns these values, and {@code others} for settings that are not set here. */
    public SettingValues over(SettingValues others) {
        SettingValues both = new SettingValues(others.texts);
        both.texts.putAll(texts);
        return both;
    }

    /** Returns the values of these settings only. */
    public SettingValues only(List<Setting<?>> settings) {
        SettingValues some = new SettingValues(texts);
        some.texts.keySet().retainAll(settings.stream().map(Setting::name).toList());
        return some;
    }

    /** Returns the value that was set, or the default; empty where there is neither. */
    public <T> Optional<T> find(Setting<T> setting) {
        String text = texts.get(setting.name());
        return text == null ? setting.defaultValue() : Optional.of(setting.parse(text));
    }

    /**
     * Returns the value that was set, or the default.
     *
     * @throws UserError where there is neither
     */
    public <T> T get(Setting<T> setting) {
        return find(setting)
                .orElseThrow(() -> UserError.of(
                        "missing option",
                        setting.option(),
                        setting.help() + "; give " + setting.option() + " " + setting.placeholder()));
    }

    /** Whether the user set it. */
    public boolean isSet(Setting<?> setting) {
        return texts.containsKey(setting.name());
    }

    /** Returns the values that were set as Spark conf, by which they reach executors that start later. */
    public Map<String, String> asSparkConf() {
        Map<String, String> conf = new TreeMap<>();
        texts.forEach((name, text) -> conf.put(Setting.CONF_PREFIX + name, text));
        return conf;
    }

    /** Returns every setting that has a value, defaults included, by name; passwords in format options are masked. */
    public Map<String, String> asText() {
        Map<String, String> all = new LinkedHashMap<>();
        for (Setting<?> setting : Settings.all()) {
            textOf(setting).ifPresent(text -> all.put(setting.name(), text));
        }
        List<String> masked =
                get(Settings.FORMAT_OPTION).stream().map(SettingValues::mask).toList();
        all.put(Settings.FORMAT_OPTION.name(), Settings.FORMAT_OPTION.print(masked));
        return all;
    }

    private static String mask(String option) {
        return SECRET.matcher(option).replaceFirst("$1=***");
    }

    private <T> Optional<String> textOf(Setting<T> setting) {
        return find(setting).map(setting::print);
    }

    /**
     * Refuses keys of Spark's conf that have the prefix of settings but name none.
     *
     * @param sparkConf keys; those that do not begin with {@link Setting#CONF_PREFIX} are ignored
     * @throws UserError for the first unknown key
     */
    public static void refuseUnknown(Iterable<String> sparkConf) {
        for (String key : sparkConf) {
            String name = key.substring(Math.min(key.length(), Setting.CONF_PREFIX.length()));
            if (key.startsWith(Setting.CONF_PREFIX)
                    && !name.startsWith(INTERNAL)
                    && Settings.find(name).isEmpty()) {
                throw UserError.of(
                        "no such setting",
                        key,
                        "in Spark's conf; use " + Setting.CONF_PREFIX + Settings.nearest(name) + " if that is meant");
            }
        }
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof SettingValues values && values.texts.equals(texts);
    }

    @Override
    public int hashCode() {
        return texts.hashCode();
    }

    private static Map<String, String> checked(Map<String, ?> values, String where) {
        Map<String, String> texts = new LinkedHashMap<>();
        values.forEach((name, value) -> {
            Setting<?> setting = Settings.find(name)
                    .orElseThrow(() -> UserError.of(
                            "no such setting",
                            name,
                            "in the " + where + "; use " + Settings.nearest(name)
                                    + " if that is meant, see --help for all"));
            if (texts.put(setting.name(), normal(setting, text(setting, value))) != null) {
                throw Settings.givenTwice(setting);
            }
        });
        return texts;
    }

    private static String text(Setting<?> setting, Object value) {
        if (value instanceof List<?> list) {
            return setting.type().text(list.stream().map(String::valueOf).toList());
        }
        return value instanceof Map<?, ?> object ? TextList.json(object) : String.valueOf(value);
    }

    private static <T> String checked(Setting<T> setting, Object value) {
        try {
            if (Objects.requireNonNull(value) instanceof String || value instanceof Map<?, ?>) {
                return normal(setting, text(setting, value));
            }
            @SuppressWarnings("unchecked") // a value of another type fails to print, or its text fails to parse
            T typed = (T) value;
            return normal(setting, setting.print(typed));
        } catch (UserError refused) {
            throw SettingNames.in(refused);
        } catch (ClassCastException | NullPointerException wrongType) {
            String way = value == null ? "leave it out for the default" : "write it so, as text";
            throw UserError.of(
                    "bad value of " + setting.name(), value, setting.type().expected() + "; " + way, wrongType);
        }
    }

    private static <T> String normal(Setting<T> setting, String text) {
        return setting.print(setting.parse(text));
    }

    private static List<String> confKeys(Setting<?> setting) {
        return java.util.stream.Stream.concat(setting.aliases().stream(), java.util.stream.Stream.of(setting.name()))
                .map(name -> Setting.CONF_PREFIX + name)
                .toList();
    }

    /**
     * Rewords errors for programs. Errors name settings as the command line does, {@code --max-tokens}; a program that calls the API knows
     * them as {@code maxTokens}.
     */
    public static final class SettingNames {
        private static final Pattern OPTION = Pattern.compile("--[a-z][a-z0-9-]*");

        private SettingNames() {}

        /** Returns the error with setting names in place of options. */
        public static UserError in(UserError error) {
            return error.reworded(SettingNames::in);
        }

        static String in(String message) {
            return OPTION.matcher(message).replaceAll(SettingNames::name);
        }

        private static String name(MatchResult option) {
            return ByOption.NAMES.getOrDefault(option.group(), option.group());
        }

        /** Names by option. They are made on first use: {@link Settings} may be incomplete when the outer class is loaded. */
        private static final class ByOption {
            static final Map<String, String> NAMES = Settings.all().stream()
                    .flatMap(setting -> Stream.concat(Stream.of(setting.option()), setting.aliasOptions().stream())
                            .map(option -> Map.entry(option, setting.name())))
                    .collect(Collectors.toMap(Map.Entry::getKey, Map.Entry::getValue));
        }
    }

    /** Returns the text of the file that this setting names, without the byte order mark that some editors write first. */
    static String read(String file, Setting<String> setting) {
        try {
            String text = Files.readString(Path.of(file));
            return text.startsWith(BYTE_ORDER_MARK) ? text.substring(1) : text;
        } catch (NoSuchFileException missing) {
            throw UserError.of(
                    "file of " + setting.option() + " not found",
                    file,
                    "a local UTF-8 text file; check the path",
                    missing);
        } catch (IOException unreadable) {
            throw UserError.of(
                    "cannot read " + setting.option(),
                    file,
                    "a local UTF-8 text file; check its encoding and who may read it",
                    unreadable);
        }
    }
}
