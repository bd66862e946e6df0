package nighttrain.pipeline.task;

import java.util.Iterator;
import java.util.Optional;
import java.util.Set;
import java.util.Spliterators;
import java.util.stream.StreamSupport;
import nighttrain.executor.Engine;
import nighttrain.executor.Engine.EngineException;
import nighttrain.io.journal.JournalWriter;
import nighttrain.io.rows.ResultRow;
import nighttrain.pipeline.host.BrokenProcess;
import nighttrain.pipeline.host.EngineHost;
import nighttrain.pipeline.host.HostedModel;
import nighttrain.pipeline.host.RunOnExecutor;
import nighttrain.pipeline.task.TaskCounters.EngineUsed;
import org.apache.spark.TaskContext;
import org.apache.spark.TaskKilledException;
import org.apache.spark.api.java.function.ForeachPartitionFunction;
import org.apache.spark.sql.Row;

/** The work of a Spark task: it sends its rows to the executor's engine and journals the results. */
public record GenerateTask(TaskSpec spec, TaskCounters counters) implements ForeachPartitionFunction<Row> {
    private static final long serialVersionUID = 1L;
    private static final long LEAVING_PAUSE_MS = 500;

    @Override
    public void call(Iterator<Row> rows) throws Exception {
        if (!rows.hasNext()) {
            return;
        }
        DeadlineGate gate = new DeadlineGate(spec.pass());
        refuseLeaving();
        try (EngineHost.Lease lease = lease(EngineHost.here())) {
            counters.used(
                    EngineUsed.of(lease.run().executor(), lease.model().engine().plan()));
            try {
                generate(rows, lease.model(), lease.run(), gate);
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
        return spec.pass().isolated() ? host.leaseExclusively(spec.context()) : host.lease(spec.context());
    }

    private void generate(Iterator<Row> rows, HostedModel model, RunOnExecutor run, DeadlineGate gate)
            throws InterruptedException {
        TaskAttempt attempt = new TaskAttempt(spec.context(), spec.pass(), TaskContext.get());
        AttemptCounts attempts = attempt.attempts();
        RowQueue queue = new RowQueue(unfinished(rows, attempt.finishedBefore()), spec.pass(), attempts);
        try (InFlight inFlight = new InFlight(
                        Optional.of(attempt.attemptLog()), spec.pass().isolated());
                JournalWriter<ResultRow> journal = attempt.results();
                Engine.Session session = model.session()) {
            RowLoop loop = new RowLoop(
                    queue,
                    new RequestBuilder(model, spec, attempts),
                    new ResultBuilder(model.tokenizer(), spec, run.executor(), attempts),
                    session,
                    inFlight,
                    gate,
                    row -> {
                        journal.append(row);
                        run.finished(row);
                        counters.add(row);
                    },
                    () -> {
                        journal.flush(); // throws where rows could not be written
                        refuseKilled(attempt.task());
                        refuseOverdue();
                    });
            try {
                counters.left().add(loop.run());
            } catch (EngineException | Error crashed) {
                inFlight.crashed();
                throw crashed;
            }
        }
        counters.suspicious().add(queue.suspicious());
        refuseLeaving();
    }

    private static Iterator<PromptRow> unfinished(Iterator<Row> rows, Set<PromptRow.Key> finished) {
        return StreamSupport.stream(Spliterators.spliteratorUnknownSize(rows, 0), false)
                .map(PromptRow::of)
                .filter(row -> !finished.contains(row.key()))
                .iterator();
    }

    /** Spark always marks a killed task. It interrupts the task only if it is configured to. */
    static void refuseKilled(TaskContext task) {
        if (task.isInterrupted()) {
            throw new TaskKilledException("killed");
        }
    }

    static void refuseOverdue() {
        if (EngineHost.here().isOverdue()) {
            throw new TaskKilledException("its executor ends");
        }
    }

    /** Spark restarts a killed task on another executor and counts no failure. */
    static void refuseLeaving() throws InterruptedException {
        if (EngineHost.here().isLeaving()) {
            Thread.sleep(LEAVING_PAUSE_MS); // without the pause Spark sends the task to this executor again at once
            throw new TaskKilledException("its executor is leaving");
        }
    }
}
