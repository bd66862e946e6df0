package nighttrain.io.template;

import java.time.ZonedDateTime;
import java.time.format.TextStyle;
import java.time.temporal.ChronoField;
import java.time.temporal.IsoFields;
import java.util.Locale;

/** Dates in the formats of C's {@code strftime}, in English. */
final class Strftime {
    private Strftime() {}

    static String format(ZonedDateTime time, String format) {
        StringBuilder out = new StringBuilder();
        for (int i = 0; i < format.length(); i++) {
            char c = format.charAt(i);
            if (c != '%' || i + 1 == format.length()) {
                out.append(c);
                continue;
            }
            char flag =
                    "-_0^#".indexOf(format.charAt(i + 1)) >= 0 && i + 2 < format.length() ? format.charAt(++i) : ' ';
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
                time.getMonth().getDisplayName(TextStyle.FULL, Locale.ENGLISH).substring(0, 3);
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
            // As Python for a time without a zone.
            case 'z', 'Z' -> "";
            case '%' -> "%";
            default -> "%" + field;
        };
    }

    private static String digits(int value, int width) {
        return String.format(Locale.ROOT, "%0" + width + "d", value);
    }
}
