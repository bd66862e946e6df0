package nighttrain.pipeline.engine;

import java.time.Duration;
import java.time.Instant;
import nighttrain.executor.Engine;
import nighttrain.executor.request.EngineStats;
import nighttrain.io.journal.JournalWriter;
import nighttrain.io.table.MetricsRow;
import nighttrain.pipeline.tick.Ticker;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Writes an engine's counters to the journal every second. That it cannot write never harms the rows. */
final class MetricsSampler implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(MetricsSampler.class);
    private static final Duration INTERVAL = Duration.ofSeconds(1);
    private static final double NANOS_PER_MS = 1e6;

    private final Engine engine;
    private final String executor;
    private final JournalWriter<MetricsRow> journal;
    private final Ticker ticker;
    private EngineStats before;
    private long beforeNanos;

    private MetricsSampler(Engine engine, String executor, JournalWriter<MetricsRow> journal) {
        this.engine = engine;
        this.executor = executor;
        this.journal = journal;
        this.before = engine.stats();
        this.beforeNanos = System.nanoTime();
        this.ticker = Ticker.every(INTERVAL, "night-train-metrics", this::sample);
    }

    static MetricsSampler start(RunContext context, String executor, Engine engine) {
        String writer = context.runId() + "-" + executor + "-" + System.nanoTime();
        return new MetricsSampler(engine, executor, context.journal().metrics(writer));
    }

    private synchronized void sample() {
        EngineStats now = engine.stats();
        long nowNanos = System.nanoTime();
        journal.append(row(now, nowNanos));
        journal.flush();
        before = now;
        beforeNanos = nowNanos;
    }

    private MetricsRow row(EngineStats now, long nowNanos) {
        GpuTotals gpus = GpuTotals.of(engine.devices());
        return new MetricsRow(
                executor,
                0,
                Instant.now(),
                Math.round((nowNanos - beforeNanos) / NANOS_PER_MS),
                now.running(),
                now.waiting(),
                now.promptTokens() - before.promptTokens(),
                now.cachedPromptTokens() - before.cachedPromptTokens(),
                now.outputTokens() - before.outputTokens(),
                now.steps() - before.steps(),
                (now.stepNanos() - before.stepNanos()) / NANOS_PER_MS,
                (now.commNanos() - before.commNanos()) / NANOS_PER_MS,
                now.kvUsed(),
                now.kvPages(),
                gpus.utilization(),
                gpus.memoryBytes(),
                gpus.watts());
    }

    /** Takes a last sample. */
    @Override
    public void close() {
        ticker.close();
        try {
            sample();
            journal.close();
        } catch (RuntimeException unwritten) {
            LOG.warn("engine counters of one interval are lost", unwritten);
        }
    }
}
