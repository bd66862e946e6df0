package nighttrain.io.template;

import java.time.ZoneId;
import java.time.ZonedDateTime;
import java.time.format.TextStyle;
import java.time.temporal.ChronoField;
import java.time.temporal.IsoFields;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import nighttrain.io.template.Comparisons.Dict;
import nighttrain.io.template.Values.Attributes;
import nighttrain.io.template.Values.Builtin;
import nighttrain.io.template.Values.Function;
import nighttrain.io.template.Values.Namespace;
import nighttrain.io.template.Values.Range;

/** The functions that every template has: Jinja2's, and the two that transformers adds. */
final class Globals {
    static final Map<String, Object> ALL = Map.of(
            "range", new Builtin("class 'range'", Globals::range),
            "dict", new Builtin("class 'dict'", Dict::of),
            "namespace", new Builtin("class 'jinja2.utils.Namespace'", arguments -> new Namespace(Dict.of(arguments))),
            "cycler", new Builtin("class 'jinja2.utils.Cycler'", Globals::cycler),
            "joiner", new Builtin("class 'jinja2.utils.Joiner'", Globals::joiner),
            "raise_exception", new Builtin("function raise_exception", Globals::raise),
            "strftime_now", new Builtin("function strftime_now", Globals::now));

    private Globals() {}

    private static Object range(Arguments arguments) {
        Object[] bound = arguments.positions("range", 1, 3);
        long first = bounded(bound[0]);
        return bound[1] == Scope.MISSING
                ? Range.of(0, first, 1)
                : Range.of(first, bounded(bound[1]), bound[2] == Scope.MISSING ? 1 : bounded(bound[2]));
    }

    private static long bounded(Object value) {
        Numbers.index(value, "range");
        if (Numbers.big(value).bitLength() > 62) {
            throw new TemplateError("Range too big: " + Values.type(value) + " of more than 62 bits");
        }
        return Numbers.big(value).longValue();
    }

    @SuppressWarnings("DoNotCallSuggester") // templates call it
    private static Object raise(Arguments arguments) {
        throw TemplateError.refusal(Python.str(arguments.bind("raise_exception", 1, "message")[0]));
    }

    private static Object now(Arguments arguments) {
        Object format = arguments.bind("strftime_now", 1, "format")[0];
        if (!Text.is(format)) {
            throw new TemplateError("strftime() argument 1 must be str, not " + Values.type(format));
        }
        // No field is longer than the field for the whole date.
        RenderBudget.checkChars(Text.of(format).length() * 24L);
        return Strftime.format(ZonedDateTime.now(ZoneId.systemDefault()), Text.of(format));
    }

    private static Object joiner(Arguments arguments) {
        Object separator = arguments.bind("joiner", 0, "sep")[0];
        boolean[] used = {false};
        return new Builtin("joiner", none -> {
            none.positions("joiner", 0, 0);
            boolean first = !used[0];
            used[0] = true;
            return first ? "" : separator == Scope.MISSING ? ", " : separator;
        });
    }

    private static Object cycler(Arguments arguments) {
        if (arguments.positional().isEmpty() || !arguments.named().isEmpty()) {
            throw new TemplateError("at least one item has to be provided");
        }
        return new Cycler(arguments.positional());
    }

    /** {@code cycler(...)}: returns its items in turn. */
    private static final class Cycler implements Attributes {
        private final List<Object> items;
        private int position;

        Cycler(List<Object> items) {
            this.items = items;
        }

        @Override
        public Object attribute(String name) {
            return switch (name) {
                case "current" -> items.get(position);
                case "pos" -> (long) position;
                case "items" -> new Values.Tuple(items);
                case "next" ->
                    (Function) arguments -> {
                        arguments.positions("next", 0, 0);
                        Object item = items.get(position);
                        position = (position + 1) % items.size();
                        return item;
                    };
                case "reset" ->
                    (Function) arguments -> {
                        arguments.positions("reset", 0, 0);
                        position = 0;
                        return null;
                    };
                default -> Scope.MISSING;
            };
        }
    }

    /** Formats dates like C's {@code strftime}, in English. */
    static final class Strftime {
        private Strftime() {}

        static String format(ZonedDateTime time, String format) {
            StringBuilder out = new StringBuilder();
            for (int i = 0; i < format.length(); i++) {
                char c = format.charAt(i);
                if (c != '%' || i + 1 == format.length()) {
                    out.append(c);
                    continue;
                }
                char flag = "-_0^#".indexOf(format.charAt(i + 1)) >= 0 && i + 2 < format.length()
                        ? format.charAt(++i)
                        : ' ';
                out.append(flagged(field(time, format.charAt(++i)), flag));
            }
            return out.toString();
        }

        private static String flagged(String text, char flag) {
            String bare = text.replaceFirst("^[0 ]+(?=[0-9])", "");
            return switch (flag) {
                case '-' -> bare;
                case '_' -> " ".repeat(text.length() - bare.length()) + bare;
                case '0' -> "0".repeat(text.length() - bare.length()) + bare;
                case '^' -> text.toUpperCase(Locale.ROOT);
                case '#' ->
                    text.equals(text.toUpperCase(Locale.ROOT))
                            ? text.toLowerCase(Locale.ROOT)
                            : text.toUpperCase(Locale.ROOT);
                default -> text;
            };
        }

        private static String field(ZonedDateTime time, char field) {
            int weekday = time.getDayOfWeek().getValue() % 7;
            int dayOfYear = time.getDayOfYear();
            return switch (field) {
                case 'a' -> time.getDayOfWeek().getDisplayName(TextStyle.SHORT, Locale.ENGLISH);
                case 'A' -> time.getDayOfWeek().getDisplayName(TextStyle.FULL, Locale.ENGLISH);
                // By letters: some versions of Java abbreviate September to Sept.
                case 'b', 'h' ->
                    time.getMonth()
                            .getDisplayName(TextStyle.FULL, Locale.ENGLISH)
                            .substring(0, 3);
                case 'B' -> time.getMonth().getDisplayName(TextStyle.FULL, Locale.ENGLISH);
                case 'c' -> format(time, "%a %b %e %H:%M:%S %Y");
                case 'C' -> digits(time.getYear() / 100, 2);
                case 'd' -> digits(time.getDayOfMonth(), 2);
                case 'D', 'x' -> format(time, "%m/%d/%y");
                case 'e' -> String.format(Locale.ROOT, "%2d", time.getDayOfMonth());
                case 'f' -> digits(time.getNano() / 1000, 6);
                case 'F' -> format(time, "%Y-%m-%d");
                case 'g' -> digits(time.get(IsoFields.WEEK_BASED_YEAR) % 100, 2);
                case 'G' -> String.valueOf(time.get(IsoFields.WEEK_BASED_YEAR));
                case 'H' -> digits(time.getHour(), 2);
                case 'I' -> digits(time.get(ChronoField.CLOCK_HOUR_OF_AMPM), 2);
                case 'j' -> digits(dayOfYear, 3);
                case 'k' -> String.format(Locale.ROOT, "%2d", time.getHour());
                case 'l' -> String.format(Locale.ROOT, "%2d", time.get(ChronoField.CLOCK_HOUR_OF_AMPM));
                case 'm' -> digits(time.getMonthValue(), 2);
                case 'M' -> digits(time.getMinute(), 2);
                case 'n' -> "\n";
                case 'p' -> time.getHour() < 12 ? "AM" : "PM";
                case 'P' -> time.getHour() < 12 ? "am" : "pm";
                case 'r' -> format(time, "%I:%M:%S %p");
                case 'R' -> format(time, "%H:%M");
                case 's' -> String.valueOf(time.toEpochSecond());
                case 'S' -> digits(time.getSecond(), 2);
                case 't' -> "\t";
                case 'T', 'X' -> format(time, "%H:%M:%S");
                case 'u' -> String.valueOf(time.getDayOfWeek().getValue());
                case 'U' -> digits((dayOfYear + 6 - weekday) / 7, 2);
                case 'V' -> digits(time.get(IsoFields.WEEK_OF_WEEK_BASED_YEAR), 2);
                case 'w' -> String.valueOf(weekday);
                case 'W' -> digits((dayOfYear + 6 - (weekday + 6) % 7) / 7, 2);
                case 'y' -> digits(time.getYear() % 100, 2);
                case 'Y' -> String.valueOf(time.getYear());
                // As in Python for a time without a zone.
                case 'z', 'Z' -> "";
                case '%' -> "%";
                default -> "%" + field;
            };
        }

        private static String digits(int value, int width) {
            return String.format(Locale.ROOT, "%0" + width + "d", value);
        }
    }
}
