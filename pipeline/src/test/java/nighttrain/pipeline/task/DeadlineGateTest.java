package nighttrain.pipeline.task;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/** An hour before the end; a test takes none. */
class DeadlineGateTest {
    private final DeadlineGate call =
            new DeadlineGate(new Pass(false, new AttemptCounts(Map.of()), System.currentTimeMillis() + TimeUnit.HOURS.toMillis(1)));

    @Test
    void whatWouldNotEndInTimeIsNotTakenUp() {
        assertThat(call.isOver()).isFalse();
        call.answered((double) TimeUnit.HOURS.toMillis(2));
        assertThat(call.isOver()).isTrue();
        assertThat(call.isPast()).as("what is in flight may end").isFalse();
    }

    @Test
    void longAgoIsForgotten() {
        call.answered((double) TimeUnit.HOURS.toMillis(2));
        for (int i = 0; i < 100; i++) {
            call.answered(1.0);
        }
        assertThat(call.isOver()).isFalse();
    }

    @Test
    void theEndIsTheEnd() {
        DeadlineGate past = new DeadlineGate(new Pass(false, new AttemptCounts(Map.of()), System.currentTimeMillis()));
        assertThat(past.isOver()).isTrue();
        assertThat(past.isPast()).isTrue();
    }
}
