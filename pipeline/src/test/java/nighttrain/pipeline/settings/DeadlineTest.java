package nighttrain.pipeline.settings;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.time.ZoneId;
import java.time.ZonedDateTime;
import nighttrain.io.UserError;
import org.junit.jupiter.api.Test;

class DeadlineTest {
    private static final ZonedDateTime EVENING =
            ZonedDateTime.of(2026, 11, 24, 22, 30, 0, 0, ZoneId.of("Europe/Berlin"));

    @Test
    void isTheNextSuchTimeOrSoLongAfterTheStart() {
        assertThat(from("06:00")).isEqualTo("2026-11-25T05:00:00Z");
        assertThat(from("23:15:30")).isEqualTo("2026-11-24T22:15:30Z");
        assertThat(from("22:30")).as("now is not in the future").isEqualTo("2026-11-25T21:30:00Z");
        assertThat(from("45m")).isEqualTo("2026-11-24T22:15:00Z");
        assertThat(from("PT2H")).isEqualTo("2026-11-24T23:30:00Z");
        assertThat(from("1h30m")).isEqualTo("2026-11-24T23:00:00Z");
    }

    @Test
    void countsHoursThatTheClockSkips() {
        ZonedDateTime beforeSummer = ZonedDateTime.of(2026, 3, 28, 22, 0, 0, 0, ZoneId.of("Europe/Berlin"));
        assertThat(Settings.DEADLINE.parse("06:00").from(beforeSummer)).hasToString("2026-03-29T04:00:00Z");
    }

    @Test
    void isWrittenAsItIsRead() {
        for (String text : new String[] {"06:00", "45m", "1h30m", "1.5s"}) {
            assertThat(Settings.DEADLINE.print(Settings.DEADLINE.parse(text))).isEqualTo(text);
        }
        assertThat(Settings.DEADLINE.print(Settings.DEADLINE.parse("PT2H"))).isEqualTo("2h");
    }

    @Test
    void anythingElseIsRefused() {
        for (String text : new String[] {"6 am", "25:00", "-5m", "0s", "PT", "", "45"}) {
            assertThatThrownBy(() -> Settings.DEADLINE.parse(text))
                    .isInstanceOf(UserError.class)
                    .hasMessage("bad value of --deadline: " + text + " (a time of day or a duration, such as 06:00, 45m"
                            + " or PT2H; leave it out if you need none)");
        }
    }

    private static String from(String text) {
        return Settings.DEADLINE.parse(text).from(EVENING).toString();
    }
}
