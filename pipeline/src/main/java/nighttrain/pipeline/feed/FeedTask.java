package nighttrain.pipeline.feed;

import java.util.Iterator;
import java.util.Set;
import java.util.Spliterators;
import java.util.stream.StreamSupport;
import nighttrain.executor.Engine;
import nighttrain.executor.EngineException;
import nighttrain.pipeline.engine.BrokenProcess;
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
    private static final long LEAVING_PAUSE_MS = 500;

    @Override
    public void call(Iterator<Row> rows) throws Exception {
        if (!rows.hasNext()) {
            return;
        }
        LastCall lastCall = new LastCall(spec.pass());
        refuseLeaving();
        try (EngineHost.Lease lease = lease(EngineHost.here())) {
            counters.met(
                    EngineMet.of(lease.run().executor(), lease.model().engine().plan()));
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

    private void feed(Iterator<Row> rows, HostedModel model, RunOnExecutor run, LastCall lastCall)
            throws InterruptedException {
        Attempt attempt = new Attempt(spec.context(), spec.pass(), TaskContext.get());
        Tries tries = attempt.tries();
        Intake intake = new Intake(unfinished(rows, TaskJournal.finishedBefore(attempt)), spec.pass(), tries);
        try (InFlight inFlight = new InFlight(attempt.tryLog(), spec.pass().alone());
                TaskJournal journal = TaskJournal.open(attempt);
                Engine.Session session = model.session()) {
            Feeder feeder = new Feeder(
                    intake,
                    new Requests(model, spec, tries),
                    new Results(
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
