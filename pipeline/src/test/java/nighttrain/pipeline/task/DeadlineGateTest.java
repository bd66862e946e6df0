package nighttrain.pipeline.task;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Map;
import java.util.concurrent.TimeUnit;
import nighttrain.pipeline.task.TaskSpec.Pass;
import org.junit.jupiter.api.Test;

/** Tests the gate an hour before the deadline; a test takes far less. */
class DeadlineGateTest {
    private final DeadlineGate call = new DeadlineGate(
            new Pass(false, new AttemptCounts(Map.of()), System.currentTimeMillis() + TimeUnit.HOURS.toMillis(1)));

    @Test
    void whatWouldNotEndInTimeIsNotTakenUp() {
        assertThat(call.isClosed()).isFalse();
        call.answered((double) TimeUnit.HOURS.toMillis(2));
        assertThat(call.isClosed()).isTrue();
        assertThat(call.isPast()).as("what is in flight may end").isFalse();
    }

    @Test
    void longAgoIsForgotten() {
        call.answered((double) TimeUnit.HOURS.toMillis(2));
        for (int i = 0; i < 100; i++) {
            call.answered(1.0);
        }
        assertThat(call.isClosed()).isFalse();
    }

    @Test
    void theEndIsTheEnd() {
        DeadlineGate past = new DeadlineGate(new Pass(false, new AttemptCounts(Map.of()), System.currentTimeMillis()));
        assertThat(past.isClosed()).isTrue();
        assertThat(past.isPast()).isTrue();
    }
}
