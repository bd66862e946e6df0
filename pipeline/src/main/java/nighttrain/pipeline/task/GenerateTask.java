package nighttrain.pipeline.task;

import java.util.Iterator;
import java.util.Set;
import java.util.Spliterators;
import java.util.stream.StreamSupport;
import nighttrain.executor.Engine;
import nighttrain.executor.EngineException;
import nighttrain.pipeline.host.BrokenProcess;
import nighttrain.pipeline.host.EngineHost;
import nighttrain.pipeline.host.HostedModel;
import nighttrain.pipeline.host.RunOnExecutor;
import org.apache.spark.TaskContext;
import org.apache.spark.TaskKilledException;
import org.apache.spark.api.java.function.ForeachPartitionFunction;
import org.apache.spark.sql.Row;

/** What a Spark task does: feeds its rows to the executor's engine and journals what comes back. */
public record GenerateTask(TaskSpec spec, TaskCounters counters) implements ForeachPartitionFunction<Row> {
    private static final long serialVersionUID = 1L;
    private static final long LEAVING_PAUSE_MS = 500;

    @Override
    public void call(Iterator<Row> rows) throws Exception {
        if (!rows.hasNext()) {
            return;
        }
        DeadlineGate lastCall = new DeadlineGate(spec.pass());
        refuseLeaving();
        try (EngineHost.Lease lease = lease(EngineHost.here())) {
            counters.met(
                    EngineUsed.of(lease.run().executor(), lease.model().engine().plan()));
            try {
                feed(rows, lease.model(), lease.run(), lastCall);
            } catch (EngineException failed) {
                lease.engineFailed();
                throw failed;
            }
        } catch (RuntimeException failed) {
            BrokenProcess.endIfBehind(failed);
            throw failed;
        }
    }

    private EngineHost.Lease lease(EngineHost host) throws InterruptedException {
        return spec.pass().alone() ? host.leaseAlone(spec.context()) : host.lease(spec.context());
    }

    private void feed(Iterator<Row> rows, HostedModel model, RunOnExecutor run, DeadlineGate lastCall)
            throws InterruptedException {
        TaskAttempt attempt = new TaskAttempt(spec.context(), spec.pass(), TaskContext.get());
        AttemptCounts tries = attempt.tries();
        RowQueue intake = new RowQueue(unfinished(rows, TaskJournal.finishedBefore(attempt)), spec.pass(), tries);
        try (InFlight inFlight = new InFlight(attempt.tryLog(), spec.pass().alone());
                TaskJournal journal = TaskJournal.open(attempt);
                Engine.Session session = model.session()) {
            RowLoop feeder = new RowLoop(
                    intake,
                    new RequestBuilder(model, spec, tries),
                    new ResultBuilder(
                            model.tokenizer(),
                            spec.tokenIds(),
                            spec.kind().logprobsHaveOffsets(),
                            run.executor(),
                            tries),
                    session,
                    inFlight,
                    lastCall,
                    row -> {
                        journal.append(row);
                        run.finished(row);
                        counters.add(row);
                    },
                    () -> {
                        journal.pause();
                        refuseKilled(attempt.task());
                        refuseOverdue();
                    });
            try {
                counters.left().add(feeder.run());
            } catch (EngineException | Error died) {
                inFlight.died();
                throw died;
            }
        }
        counters.suspicious().add(intake.suspicious());
        refuseLeaving();
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

    private static void refuseOverdue() {
        if (EngineHost.here().isOverdue()) {
            throw new TaskKilledException("its executor ends");
        }
    }

    /** Spark starts a killed task again elsewhere and counts no failure. */
    private static void refuseLeaving() throws InterruptedException {
        if (EngineHost.here().isLeaving()) {
            Thread.sleep(LEAVING_PAUSE_MS); // or Spark would send the task here again at once
            throw new TaskKilledException("its executor is leaving");
        }
    }
}
