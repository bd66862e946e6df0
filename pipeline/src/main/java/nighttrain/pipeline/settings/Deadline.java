package nighttrain.pipeline.settings;

import java.time.Duration;
import java.time.Instant;
import java.time.LocalTime;
import java.time.ZonedDateTime;
import java.time.format.DateTimeParseException;
import java.util.Optional;
import nighttrain.pipeline.settings.SettingType.Durations;

/**
 * The time when a run must end: the next {@code 06:00} on the driver's clock, or {@code 45m} after its start.
 *
 * @param time time of day
 * @param after duration from the start; present exactly where {@code time} is empty
 */
public record Deadline(Optional<LocalTime> time, Optional<Duration> after) {
    static final SettingType<Deadline> TYPE =
            SettingType.one("a time of day or a duration, such as 06:00, 45m or PT2H", Deadline::parse);

    public Deadline {
        if (time.isPresent() == after.isPresent()) {
            throw new IllegalArgumentException("a time of day or a duration: " + time + ", " + after);
        }
    }

    /** Returns the deadline of a run that starts {@code now}. */
    public Instant from(ZonedDateTime now) {
        return time.map(it -> next(it, now))
                .orElseGet(() -> now.plus(after.orElseThrow()))
                .toInstant();
    }

    private static ZonedDateTime next(LocalTime time, ZonedDateTime now) {
        ZonedDateTime today = now.toLocalDate().atTime(time).atZone(now.getZone());
        return today.isAfter(now)
                ? today
                : now.toLocalDate().plusDays(1).atTime(time).atZone(now.getZone());
    }

    private static Deadline parse(String text) {
        if (!text.contains(":")) {
            return new Deadline(Optional.empty(), Optional.of(Durations.parse(text)));
        }
        try {
            return new Deadline(Optional.of(LocalTime.parse(text.strip())), Optional.empty());
        } catch (DateTimeParseException otherwise) {
            throw new IllegalArgumentException(otherwise);
        }
    }

    @Override
    public String toString() {
        return time.map(LocalTime::toString).orElseGet(() -> Durations.print(after.orElseThrow()));
    }
}
