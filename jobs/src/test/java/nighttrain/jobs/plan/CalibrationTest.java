package nighttrain.jobs.plan;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.List;
import nighttrain.jobs.plan.Calibration.Run;
import org.junit.jupiter.api.Test;

class CalibrationTest {
    private static final double PACE = 1.25;
    private static final double ONCE_S = 3;
    private static final double COLD_S = 5;
    private static final double REST_S = 7;

    private final Run cold = run(2, ONCE_S + COLD_S);

    @Test
    void whatEveryRunPaysOnceIsNoPace() {
        Calibration calibration = Calibration.of(cold, List.of(run(4, ONCE_S), run(12, ONCE_S)));

        assertThat(calibration.pace()).isCloseTo(PACE, within(1e-9));
        assertThat(calibration.coldS()).isCloseTo(ONCE_S + COLD_S, within(1e-9));
        assertThat(calibration.restS()).isCloseTo(REST_S, within(1e-9));
    }

    @Test
    void oneWarmRunIsTakenAsItIs() {
        assertThat(Calibration.of(cold, List.of(run(12, ONCE_S))).pace()).isCloseTo(PACE + ONCE_S / 12, within(1e-9));
    }

    @Test
    void noiseThatHasTheLongRunEndFirstIsNoPace() {
        assertThat(Calibration.of(cold, List.of(run(4, 30), run(12, 0))).pace()).isCloseTo(PACE, within(1e-9));
    }

    private static Run run(double forecastS, double onceS) {
        double generatingS = PACE * forecastS + onceS;
        return new Run(generatingS + REST_S, generatingS, forecastS);
    }
}
