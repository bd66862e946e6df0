package nighttrain.pipeline.monitor;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.stream.IntStream;
import nighttrain.pipeline.monitor.HeartbeatRelay.EventLogSampler;
import nighttrain.pipeline.progress.Heartbeat;
import nighttrain.pipeline.progress.Heartbeat.Done;
import nighttrain.pipeline.progress.Heartbeat.Load;
import org.junit.jupiter.api.Test;

class EventLogSamplerTest {
    private final EventLogSampler keeping = new EventLogSampler();

    @Test
    void oneInTenSecondsAndTheLastAreKept() {
        List<Integer> kept = IntStream.range(0, 120)
                .filter(i -> keeping.mark(beat(500L * i, Math.min(i, 50) + 1)).logEvent())
                .boxed()
                .toList();
        assertThat(kept).as("at work until beat 50, idle from 51").containsExactly(0, 20, 40, 51);
    }

    @Test
    void executorsAndRunsAreKeptApart() {
        assertThat(keeping.mark(beat(1, 1)).kept()).isTrue();
        Heartbeat other = new Heartbeat("run", "2", 1_000_001, new Done(1, 0, 0, 0), Load.NONE, false);
        assertThat(keeping.mark(other).kept()).isTrue();
    }

    private static Heartbeat beat(long atMs, long rows) {
        return new Heartbeat("run", "1", 1_000_000 + atMs, new Done(rows, 0, 0, 0), Load.NONE, false);
    }
}
