package nighttrain.pipeline.feed;

import java.util.Iterator;
import java.util.Set;
import java.util.Spliterators;
import java.util.stream.StreamSupport;
import nighttrain.executor.Engine;
import nighttrain.executor.EngineException;
import nighttrain.pipeline.engine.EngineHost;
import nighttrain.pipeline.engine.HostedModel;
import nighttrain.pipeline.engine.RunOnExecutor;
import org.apache.spark.TaskContext;
import org.apache.spark.TaskKilledException;
import org.apache.spark.api.java.function.ForeachPartitionFunction;
import org.apache.spark.sql.Row;

/** What a Spark task does: feeds its rows to the executor's engine and journals what comes back. */
public record FeedTask(FeedSpec spec, FeedCounters counters) implements ForeachPartitionFunction<Row> {
    private static final long serialVersionUID = 1L;

    @Override
    public void call(Iterator<Row> rows) throws Exception {
        if (!rows.hasNext()) {
            return;
        }
        try (EngineHost.Lease lease = EngineHost.here().lease(spec.context())) {
            counters.met(
                    EngineMet.of(lease.run().executor(), lease.model().engine().plan()));
            try {
                feed(rows, lease.model(), lease.run());
            } catch (EngineException failed) {
                lease.engineFailed();
                throw failed;
            }
        }
    }

    private void feed(Iterator<Row> rows, HostedModel model, RunOnExecutor run) throws InterruptedException {
        TaskContext task = TaskContext.get();
        Results results = new Results(model.tokenizer(), spec.tokenIds(), run.executor(), task.attemptNumber() + 1);
        Iterator<PromptRow> prompts = unfinished(rows, TaskJournal.finishedBefore(spec.context(), task));
        try (TaskJournal journal = TaskJournal.open(spec.context(), task);
                Engine.Session session = model.engine().session()) {
            new Feeder(
                            prompts,
                            new Requests(model, spec),
                            results,
                            session,
                            row -> {
                                journal.append(row);
                                run.finished(row);
                                counters.add(row);
                            },
                            () -> {
                                journal.pause();
                                refuseKilled(task);
                            })
                    .run();
        }
    }

    private static Iterator<PromptRow> unfinished(Iterator<Row> rows, Set<PromptRow.Key> finished) {
        return StreamSupport.stream(Spliterators.spliteratorUnknownSize(rows, 0), false)
                .map(PromptRow::of)
                .filter(row -> !finished.contains(row.key()))
                .iterator();
    }

    /** Spark interrupts a killed task only where it is told to; in any case it marks it. */
    private static void refuseKilled(TaskContext task) {
        if (task.isInterrupted()) {
            throw new TaskKilledException("killed");
        }
    }
}
