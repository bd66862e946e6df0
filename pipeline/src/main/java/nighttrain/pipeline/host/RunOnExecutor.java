package nighttrain.pipeline.host;

import java.util.concurrent.atomic.LongAdder;
import nighttrain.executor.Engine;
import nighttrain.executor.request.EngineStats;
import nighttrain.io.rows.ResultRow;
import nighttrain.pipeline.monitor.ProgressReporter.RecentRate;
import nighttrain.pipeline.progress.Heartbeat;
import nighttrain.pipeline.progress.Heartbeat.Done;
import nighttrain.pipeline.progress.Heartbeat.Load;
import org.apache.spark.SparkEnv;

/** Counts one run's finished rows on this executor, and samples the engine for the run's journal, if it has one, while its tasks run. */
public final class RunOnExecutor {
    private final RunContext context;
    private final String executor = SparkEnv.get().executorId();
    private final LongAdder rows = new LongAdder();
    private final LongAdder errors = new LongAdder();
    private final LongAdder promptTokens = new LongAdder();
    private final RecentRate pace = new RecentRate();
    private Engine engine;
    private long engineTokensBefore;
    private long tokensOfClosedEngines;
    private MetricsSampler sampler;
    private int tasks;

    RunOnExecutor(RunContext context, Engine engine) {
        this.context = context;
        this.engine = engine;
        this.engineTokensBefore = engine.stats().tokens().output();
    }

    synchronized boolean isIdle() {
        return tasks == 0;
    }

    /** The executor's name in Spark. */
    public String executor() {
        return executor;
    }

    /** Counts a row that is finished, and in the journal if there is one. */
    public void finished(ResultRow row) {
        rows.increment();
        promptTokens.add(row.promptTokens());
        if (row.error() != null) {
            errors.increment();
        }
    }

    synchronized void enter(Engine current) {
        if (current != engine) {
            tokensOfClosedEngines += engine.stats().tokens().output() - engineTokensBefore;
            engineTokensBefore = 0;
            engine = current;
            stopSampling();
        }
        if (sampler == null && context.hasJournal()) {
            sampler = MetricsSampler.start(context, executor, current);
        }
        tasks++; // last, since a task that fails here does not leave
    }

    synchronized void leave() {
        tasks--;
        if (tasks == 0) {
            stopSampling();
        }
    }

    private void stopSampling() {
        if (sampler != null) {
            sampler.close();
            sampler = null;
        }
    }

    /** The current counts. */
    synchronized Heartbeat heartbeat() {
        // The order matters: an error never counts without its row, nor a row without its tokens.
        long failed = errors.sum();
        long finished = rows.sum();
        EngineStats stats = engine.stats();
        long tokens = tokensOfClosedEngines + stats.tokens().output() - engineTokensBefore;
        return new Heartbeat(
                context.runId(),
                executor,
                System.currentTimeMillis(),
                new Done(finished, failed, promptTokens.sum(), tokens),
                new Load(
                        stats.running(),
                        stats.waiting(),
                        stats.pages().used(),
                        stats.pages().all(),
                        pace.at(System.nanoTime(), tokens)),
                false);
    }
}
