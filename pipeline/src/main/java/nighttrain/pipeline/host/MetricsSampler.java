package nighttrain.pipeline.host;

import java.time.Duration;
import java.time.Instant;
import java.util.Arrays;
import java.util.List;
import java.util.OptionalDouble;
import java.util.OptionalLong;
import nighttrain.executor.Engine;
import nighttrain.executor.request.EngineStats;
import nighttrain.executor.request.EngineStats.DeviceReading;
import nighttrain.io.journal.JournalWriter;
import nighttrain.io.rows.MetricsRow;
import nighttrain.pipeline.monitor.PeriodicTask;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Writes an engine's counters to the journal every second. A failure to write does not affect the rows. */
final class MetricsSampler implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(MetricsSampler.class);
    private static final Duration INTERVAL = Duration.ofSeconds(1);
    private static final double NANOS_PER_MS = 1e6;

    private final Engine engine;
    private final String executor;
    private final JournalWriter<MetricsRow> journal;
    private final PeriodicTask ticker;
    private List<EngineStats> before;
    private long beforeNanos;

    MetricsSampler(Engine engine, String executor, JournalWriter<MetricsRow> journal) {
        this.engine = engine;
        this.executor = executor;
        this.journal = journal;
        this.before = engine.replicaStats();
        this.beforeNanos = System.nanoTime();
        this.ticker = PeriodicTask.every(INTERVAL, "night-train-metrics", this::sample);
    }

    static MetricsSampler start(RunContext context, String executor, Engine engine) {
        String writer = context.runId() + "-" + executor + "-" + System.nanoTime();
        return new MetricsSampler(engine, executor, context.journal().metrics(writer));
    }

    private synchronized void sample() {
        List<EngineStats> now = engine.replicaStats();
        long nowNanos = System.nanoTime();
        long intervalMs = Math.round((nowNanos - beforeNanos) / NANOS_PER_MS);
        Instant at = Instant.now();
        List<DeviceReading> devices = engine.devices();
        for (int replica = 0; replica < now.size(); replica++) {
            GpuTotals gpus = GpuTotals.of(devicesOf(replica, now.size(), devices));
            journal.append(row(replica, at, intervalMs, before.get(replica), now.get(replica), gpus));
        }
        journal.flush();
        before = now;
        beforeNanos = nowNanos;
    }

    private static List<DeviceReading> devicesOf(int replica, int replicas, List<DeviceReading> devices) {
        int each = devices.size() / replicas;
        return devices.subList(replica * each, (replica + 1) * each);
    }

    private MetricsRow row(
            int replica, Instant at, long intervalMs, EngineStats earlier, EngineStats now, GpuTotals gpus) {
        return new MetricsRow(
                executor,
                replica,
                at,
                intervalMs,
                now.running(),
                now.waiting(),
                now.tokens().prompt() - earlier.tokens().prompt(),
                now.tokens().cachedPrompt() - earlier.tokens().cachedPrompt(),
                now.tokens().output() - earlier.tokens().output(),
                now.steps().count() - earlier.steps().count(),
                (now.steps().nanos() - earlier.steps().nanos()) / NANOS_PER_MS,
                (now.steps().commNanos() - earlier.steps().commNanos()) / NANOS_PER_MS,
                now.pages().used(),
                now.pages().all(),
                gpus.utilization(),
                gpus.memoryBytes(),
                gpus.watts(),
                boxed(now.expertImbalance(earlier)));
    }

    private static Double boxed(OptionalDouble value) {
        return value.isPresent() ? (Double) value.getAsDouble() : null;
    }

    /** Takes a last sample. */
    @Override
    public void close() {
        ticker.close();
        try (journal) { // a writer that failed refuses the sample
            sample();
        } catch (RuntimeException unwritten) {
            LOG.warn("engine counters of one interval are lost", unwritten);
        }
    }

    /**
     * Readings of an engine's GPUs together; null if no GPU reports the value.
     *
     * @param utilization mean share of time in which they were busy, 0 to 1
     * @param memoryBytes memory in use
     * @param watts power drawn
     */
    record GpuTotals(Double utilization, Long memoryBytes, Double watts) {
        static GpuTotals of(List<DeviceReading> devices) {
            double[] utilizations = devices.stream()
                    .map(DeviceReading::utilization)
                    .flatMapToDouble(OptionalDouble::stream)
                    .toArray();
            long[] bytes = devices.stream()
                    .map(DeviceReading::memoryBytes)
                    .flatMapToLong(OptionalLong::stream)
                    .toArray();
            double[] watts = devices.stream()
                    .map(DeviceReading::watts)
                    .flatMapToDouble(OptionalDouble::stream)
                    .toArray();
            return new GpuTotals(
                    utilizations.length == 0
                            ? null
                            : Arrays.stream(utilizations).sum() / utilizations.length,
                    bytes.length == 0 ? null : Arrays.stream(bytes).sum(),
                    watts.length == 0 ? null : Arrays.stream(watts).sum());
        }
    }
}
