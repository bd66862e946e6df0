package nighttrain.pipeline.settings;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.nio.file.Path;
import java.time.Duration;
import java.time.format.DateTimeParseException;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.function.Function;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import nighttrain.io.UserError;

/**
 * The type of a setting: how its value is parsed and printed.
 *
 * @param expected what a value must be, for error messages: {@code a whole number}
 * @param shape whether it is a switch, one value or several
 * @param parse converts text to a value; throws {@link IllegalArgumentException}
 * @param print converts a value to text that {@code parse} reads
 */
public record SettingType<T>(String expected, Shape shape, Function<String, T> parse, Function<T, String> print) {
    // A colon followed by digits and then a slash or the end is a port, not a password.
    private static final Pattern PASSWORD = Pattern.compile("^([\\w+.-]+://[^/@:]+):(?!\\d+(/|$))[^@]*@");

    /** How a value is given. */
    public enum Shape {
        /** On or off: {@code --overwrite}. */
        SWITCH,
        /** One value. */
        ONE,
        /** The option is repeated, or its value is a JSON list. */
        REPEATED
    }

    public static final SettingType<String> TEXT = one("text", Function.identity());
    /** Any Hadoop path without a password in it: paths are printed, logged and written to the summary. */
    public static final SettingType<String> PATH = one("a path", SettingType::path);

    /** A local directory, as an absolute path: executors run in other working directories. */
    public static final SettingType<String> DIRECTORY = one("a directory", SettingType::directory);

    public static final SettingType<Integer> INTEGER = one("a whole number", Integer::valueOf);
    public static final SettingType<Long> LONG = one("a whole number", Long::valueOf);
    public static final SettingType<Double> REAL = one("a number", SettingType::finite);
    public static final SettingType<Boolean> SWITCH =
            new SettingType<>("true or false", Shape.SWITCH, SettingType::bool, String::valueOf);
    /** {@code a,b}: names without commas. */
    public static final SettingType<List<String>> NAMES =
            new SettingType<>("names separated by commas", Shape.ONE, SettingType::names, SettingType::joined);
    /** As {@link #NAMES}, but empty names between commas are kept, so that they can be refused. */
    public static final SettingType<List<String>> ITEMS = new SettingType<>(
            "texts separated by commas",
            Shape.ONE,
            text -> text.isBlank()
                    ? List.of()
                    : Arrays.stream(text.split(",", -1)).map(String::strip).toList(),
            SettingType::joined);
    /** Any texts: a JSON list, or one text alone. */
    public static final SettingType<List<String>> TEXTS =
            new SettingType<>("text, or a JSON list of texts", Shape.REPEATED, TextList::parse, TextList::print);

    /** Constants of an enum, written in lower case. */
    public static <E extends Enum<E>> SettingType<E> choice(Class<E> constants) {
        String names = Arrays.stream(constants.getEnumConstants())
                .map(SettingType::label)
                .collect(Collectors.joining(", "));
        return new SettingType<>(
                "one of " + names,
                Shape.ONE,
                text -> Enum.valueOf(constants, text.strip().toUpperCase(Locale.ROOT)),
                SettingType::label);
    }

    /** Any other single value. */
    public static <T> SettingType<T> one(String expected, Function<String, T> parse) {
        return new SettingType<>(expected, Shape.ONE, parse, String::valueOf);
    }

    private static String label(Enum<?> constant) {
        return constant.name().toLowerCase(Locale.ROOT);
    }

    private static String path(String text) {
        if (text.isBlank()) { // an unset variable of a script
            throw new IllegalArgumentException("empty");
        }
        Matcher password = PASSWORD.matcher(text);
        if (password.find()) {
            throw UserError.of(
                    "password in a path",
                    password.group(1) + ":***",
                    "paths are logged; give it as Hadoop's configuration instead, such as"
                            + " spark.hadoop.fs.s3a.secret.key in a file of spark-submit's --properties-file");
        }
        return text;
    }

    private static String directory(String text) {
        String path = path(text);
        return path.contains("://") ? path : Path.of(path).toAbsolutePath().toString();
    }

    private static double finite(String text) {
        double value = Double.parseDouble(text);
        if (!Double.isFinite(value)) {
            throw new IllegalArgumentException("not finite");
        }
        return value;
    }

    private static boolean bool(String text) {
        return switch (text.strip().toLowerCase(Locale.ROOT)) {
            case "true" -> true;
            case "false" -> false;
            default -> throw new IllegalArgumentException("neither true nor false");
        };
    }

    private static List<String> names(String text) {
        return Arrays.stream(text.split(",", -1))
                .map(String::strip)
                .filter(name -> !name.isEmpty())
                .toList();
    }

    /** Refuses items that would be others when the list is read: two where there is a comma, shorter without spaces at the ends. */
    private static String joined(List<String> items) {
        items.stream()
                .filter(item -> item.contains(",") || !item.equals(item.strip()))
                .findFirst()
                .ifPresent(item -> {
                    throw UserError.of(
                            "bad item of a list",
                            item,
                            "commas separate the items and spaces at their ends are lost; use --labels-file or"
                                    + " --choices-file for such labels or choices");
                });
        return String.join(",", items);
    }

    /** Returns a list of texts as one text that {@code parse} reads. */
    String text(List<String> items) {
        return shape == Shape.REPEATED ? TextList.print(items) : joined(items);
    }

    /** Durations as people write them, {@code 45m} or {@code 1h30m}, and as ISO 8601 does, {@code PT2H}. */
    static final class Durations {
        static final SettingType<Duration> TYPE = new SettingType<>(
                "a duration, such as 90s, 45m, 1h30m or PT2H",
                SettingType.Shape.ONE,
                Durations::parse,
                Durations::print);

        private Durations() {}

        static Duration parse(String text) {
            String iso = text.strip().toUpperCase(Locale.ROOT);
            try {
                Duration duration = Duration.parse(iso.startsWith("P") ? iso : "PT" + iso);
                if (duration.isNegative() || duration.isZero()) {
                    throw new IllegalArgumentException("not positive");
                }
                return duration;
            } catch (DateTimeParseException otherwise) {
                throw new IllegalArgumentException(otherwise);
            }
        }

        static String print(Duration duration) {
            return duration.toString().substring("PT".length()).toLowerCase(Locale.ROOT);
        }
    }

    /** Encodes several texts as one, so that a list with commas and line breaks in it fits in a Spark conf. */
    static final class TextList {
        private static final ObjectMapper JSON = new ObjectMapper();

        private TextList() {}

        static List<String> parse(String text) {
            if (!text.startsWith("[")) {
                return List.of(text);
            }
            try {
                return List.copyOf(JSON.readValue(text, new TypeReference<List<String>>() {}));
            } catch (JsonProcessingException notJson) {
                return List.of(text);
            }
        }

        static String print(List<String> texts) {
            return json(texts);
        }

        /** Returns a list, or an object such as the chat template's variables, as JSON. */
        static String json(Object value) {
            try {
                return JSON.writeValueAsString(value);
            } catch (JsonProcessingException impossible) {
                throw new IllegalStateException(impossible);
            }
        }
    }
}
