package nighttrain.jobs.cli;

import java.time.Duration;
import java.util.Locale;

/** Formats numbers for people. */
public final class Figures {
    private Figures() {}

    /** {@code 1,024}. */
    public static String count(long value) {
        return String.format(Locale.ROOT, "%,d", value);
    }

    /** {@code 1 row}, {@code 1,024 rows}. */
    public static String count(long value, String noun) {
        return count(value) + " " + noun + (value == 1 ? "" : "s");
    }

    /** Three significant digits or the whole number: {@code 0.532}, {@code 12.3}, {@code 1,024}. */
    public static String rate(double perSecond) {
        if (perSecond >= 99.95 || perSecond == 0) {
            return String.format(Locale.ROOT, "%,.0f", perSecond);
        }
        return String.format(
                Locale.ROOT, perSecond >= 9.995 ? "%.1f" : perSecond >= 0.9995 ? "%.2f" : "%.3f", perSecond);
    }

    /** {@code 0.42 ms}, {@code 417 ms}, {@code 4.17 s}; a dash where nothing was measured. */
    public static String millis(Double ms) {
        if (ms == null) {
            return "-";
        }
        return ms < 999.5 ? rate(ms) + " ms" : rate(ms / 1000) + " s";
    }

    /** {@code 0:42}, {@code 12:05}, {@code 3:12:05}. */
    public static String clock(Duration duration) {
        long seconds = Math.max(0, Math.round(duration.toMillis() / 1000.0));
        String minutesAndSeconds =
                String.format(Locale.ROOT, seconds < 3600 ? "%d:%02d" : "%02d:%02d", seconds / 60 % 60, seconds % 60);
        return seconds < 3600 ? minutesAndSeconds : seconds / 3600 + ":" + minutesAndSeconds;
    }
}
