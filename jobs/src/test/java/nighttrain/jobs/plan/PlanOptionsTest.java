package nighttrain.jobs.plan;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import nighttrain.jobs.plan.PlanOptions.Mishaps;
import org.junit.jupiter.api.Test;

class PlanOptionsTest {
    @Test
    void whatCannotBeIsRefused() {
        assertThatThrownBy(() -> new Mishaps(1.5, 1, 0, 0, 0))
                .hasMessage("bad value of --slow-share: 1.5 (0 to 1; leave it out for none)");
        assertThatThrownBy(() -> new Mishaps(0, 0.5, 0, 0, 0))
                .hasMessage("bad value of --slowness: 0.5 (at least 1, how many times slower; leave it out for none)");
        assertThatThrownBy(() -> new Mishaps(0, 1, 101, 0, 0))
                .hasMessage("bad value of --failures-per-day: 101.0 (0 to 100 of one node; leave it out for none)");
    }
}
