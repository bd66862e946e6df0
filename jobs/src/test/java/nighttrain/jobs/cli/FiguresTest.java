package nighttrain.jobs.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class FiguresTest {
    @Test
    void countsHaveThousandsAndANoun() {
        assertThat(Figures.count(1_234_567)).isEqualTo("1,234,567");
        assertThat(Figures.count(1, "row")).isEqualTo("1 row");
        assertThat(Figures.count(0, "error")).isEqualTo("0 errors");
    }

    @ParameterizedTest
    @CsvSource({
        "0,0",
        "0.01234,0.012",
        "0.99951,1.00",
        "1.234,1.23",
        "9.994,9.99",
        "9.996,10.0",
        "99.94,99.9",
        "99.96,100"
    })
    void ratesHaveThreeDigits(double perSecond, String text) {
        assertThat(Figures.rate(perSecond)).isEqualTo(text);
    }

    @Test
    void aTimeThatNobodyMeasuredIsADash() {
        assertThat(Figures.millis(null)).isEqualTo("-");
    }

    @ParameterizedTest
    @CsvSource({"0.417,0.417 ms", "41.7,41.7 ms", "999.4,999 ms", "999.6,1.00 s", "41700,41.7 s"})
    void timesChangeUnit(double ms, String text) {
        assertThat(Figures.millis(ms)).isEqualTo(text);
    }

    @ParameterizedTest
    @CsvSource({"0,0:00", "59499,0:59", "59500,1:00", "3599000,59:59", "3600000,1:00:00", "86399000,23:59:59"})
    void clocksShowHoursOnlyWhereThereAreSome(long ms, String text) {
        assertThat(Figures.clock(Duration.ofMillis(ms))).isEqualTo(text);
    }
}
