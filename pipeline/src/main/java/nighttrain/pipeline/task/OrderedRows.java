package nighttrain.pipeline.task;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashMap;
import java.util.Iterator;
import java.util.Map;
import java.util.NoSuchElementException;
import java.util.Optional;
import nighttrain.executor.Engine;
import nighttrain.executor.Engine.EngineException;
import nighttrain.executor.EnginePlan;
import nighttrain.io.rows.ResultRow;
import nighttrain.pipeline.host.BrokenProcess;
import nighttrain.pipeline.host.EngineHost;
import nighttrain.pipeline.host.HostedModel;
import org.apache.spark.TaskContext;
import org.apache.spark.TaskKilledException;

/**
 * Iterates over the results of a task's prompts in the order of the prompts. Many prompts are in the executor's engine at a time, and a
 * result waits until those before it are there. Nothing is journaled. A null prompt has no result. Only one thread may use it.
 */
public final class OrderedRows implements Iterator<Optional<ResultRow>>, AutoCloseable {
    /** Size of the window from the awaited result to the last prompt taken, in batches of the engine. */
    private static final int WINDOW_BATCHES = 8;

    private final TaskSpec spec;
    private final Iterator<String> prompts;
    private final TaskContext task = TaskContext.get();
    private final Deque<Place> window = new ArrayDeque<>();
    private final Map<Long, Place> open = new HashMap<>();
    private Started started;
    private long taken;

    /** A prompt's place in the order. */
    private static final class Place {
        private boolean done;
        private ResultRow result;

        void fill(ResultRow row) {
            done = true;
            result = row;
        }
    }

    /** Resources that are opened at the first prompt. */
    private record Started(
            EngineHost.Lease lease, Engine.Session session, InFlight inFlight, RowLoop loop, int mostRows) {}

    /** {@code prompts} are read when there is room for them. */
    public OrderedRows(TaskSpec spec, Iterator<String> prompts) {
        this.spec = spec;
        this.prompts = prompts;
    }

    @Override
    public boolean hasNext() {
        try {
            while (!firstIsDone()) {
                if (started == null && !start()) {
                    return false;
                }
                if (started.loop().isAtWork()) {
                    started.loop().step();
                } else if (!firstIsDone()) {
                    return endOrRefuse();
                }
            }
            return true;
        } catch (InterruptedException killed) {
            Thread.currentThread().interrupt();
            throw new TaskKilledException("interrupted");
        } catch (RuntimeException failed) {
            if (failed instanceof EngineException && started != null) {
                started.lease().engineFailed();
            }
            BrokenProcess.endIfBehind(failed);
            throw failed;
        }
    }

    @Override
    public Optional<ResultRow> next() {
        if (!hasNext()) {
            throw new NoSuchElementException();
        }
        return Optional.ofNullable(window.remove().result);
    }

    private boolean firstIsDone() {
        return !window.isEmpty() && window.element().done;
    }

    /** Returns false if the prompts have ended; throws if the executor is leaving and takes no more of them. */
    private boolean endOrRefuse() throws InterruptedException {
        if (window.isEmpty() && !prompts.hasNext()) {
            close();
            return false;
        }
        GenerateTask.refuseLeaving();
        throw new IllegalStateException("rows without results: " + window.size());
    }

    /** Opens the engine's resources if there is a prompt, and returns whether there is one. */
    private boolean start() throws InterruptedException {
        if (!prompts.hasNext()) {
            return false;
        }
        GenerateTask.refuseLeaving();
        EngineHost.Lease lease = EngineHost.here().lease(spec.context());
        HostedModel model = lease.model();
        EnginePlan plan = model.engine().plan();
        AttemptCounts none = spec.pass().attempts();
        Engine.Session session = model.session();
        InFlight inFlight = new InFlight(Optional.empty(), false);
        RowLoop loop = new RowLoop(
                new RowQueue(new Unanswered(), spec.pass(), none),
                new RequestBuilder(model, spec, none),
                new ResultBuilder(model.tokenizer(), spec, lease.run().executor(), none),
                session,
                inFlight,
                new DeadlineGate(spec.pass()),
                row -> {
                    open.remove(row.row()).fill(row);
                    lease.run().finished(row);
                },
                () -> {
                    GenerateTask.refuseKilled(task);
                    GenerateTask.refuseOverdue();
                });
        started = new Started(
                lease, session, inFlight, loop, WINDOW_BATCHES * Math.max(1, plan.maxNumSeqs() * plan.replicas()));
        return true;
    }

    /** Ends the requests in flight and releases the engine. */
    @Override
    public void close() {
        if (started != null) {
            started.session().close();
            started.inFlight().close();
            started.lease().close();
            started = null;
        }
        window.clear();
    }

    /** The prompts that need the model, while the window has room. Their text is their seed: equal prompts have equal results. */
    private final class Unanswered implements Iterator<PromptRow> {
        private PromptRow ahead;

        @Override
        public boolean hasNext() {
            while (ahead == null && window.size() < started.mostRows() && prompts.hasNext()) {
                String prompt = prompts.next();
                Place place = new Place();
                window.add(place);
                if (prompt == null) {
                    place.fill(null);
                } else {
                    open.put(taken, place);
                    ahead = new PromptRow("", taken++, 0, prompt, prompt, null, null);
                }
            }
            return ahead != null;
        }

        @Override
        public PromptRow next() {
            if (!hasNext()) {
                throw new NoSuchElementException();
            }
            PromptRow row = ahead;
            ahead = null;
            return row;
        }
    }
}
