package nighttrain.pipeline.settings;

import java.time.Duration;
import java.time.format.DateTimeParseException;
import java.util.Locale;

/** Durations as people write them, {@code 45m} or {@code 1h30m}, and as ISO 8601 does, {@code PT2H}. */
final class Durations {
    static final SettingType<Duration> TYPE = new SettingType<>(
            "a duration, such as 90s, 45m, 1h30m or PT2H", SettingType.Shape.ONE, Durations::parse, Durations::print);

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
