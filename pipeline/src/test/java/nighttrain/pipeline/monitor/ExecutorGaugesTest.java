package nighttrain.pipeline.monitor;

import static org.assertj.core.api.Assertions.assertThat;

import com.codahale.metrics.MetricRegistry;
import java.util.concurrent.atomic.AtomicLong;
import nighttrain.pipeline.progress.Heartbeat;
import nighttrain.pipeline.progress.Heartbeat.Done;
import nighttrain.pipeline.progress.Heartbeat.Load;
import org.junit.jupiter.api.Test;

class ExecutorGaugesTest {
    private static final long MINUTE_MS = 60_000;

    private final MetricRegistry registry = new MetricRegistry();
    private final AtomicLong nowMs = new AtomicLong(MINUTE_MS);
    private final ExecutorGauges gauges = new ExecutorGauges(registry, nowMs::get);

    @Test
    void totalsGrowOverRunsAndExecutors() {
        tell("a", "1", 10);
        tell("a", "1", 12);
        tell("b", "1", 5);
        tell("a", "2", 100);
        assertThat(gauge("executor_1_rows_total")).isEqualTo(17L);
        assertThat(gauge("all_rows_total")).isEqualTo(117L);
        assertThat(gauge("all_running_sequences")).isEqualTo(6);
        assertThat(gauge("executor_2_kv_cache_use_ratio")).isEqualTo(0.25);
    }

    @Test
    void aSilentExecutorHasNoLoadAndIsForgottenWhenAnotherComes() {
        tell("a", "1", 10);
        nowMs.addAndGet(MINUTE_MS);
        assertThat(gauge("executor_1_running_sequences")).isEqualTo(0);
        nowMs.addAndGet(10 * MINUTE_MS);
        tell("a", "2", 1);
        assertThat(registry.getNames()).noneMatch(name -> name.startsWith("executor_1_"));
        assertThat(gauge("all_rows_total")).as("what it did stays done").isEqualTo(11L);
        tell("a", "1", 11);
        assertThat(gauge("executor_1_rows_total")).isEqualTo(11L);
    }

    private void tell(String run, String executor, long rows) {
        gauges.accept(new Heartbeat(run, executor, 0, new Done(rows, 0, 0, 0), new Load(3, 1, 25, 100, 7.5), false));
    }

    private Object gauge(String name) {
        return registry.getGauges().get(name).getValue();
    }
}
