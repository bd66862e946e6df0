package nighttrain.pipeline.task;

import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Queue;
import java.util.function.Consumer;
import nighttrain.executor.Engine;
import nighttrain.executor.Engine.EngineException;
import nighttrain.executor.request.Generation;
import nighttrain.io.UserError;
import nighttrain.io.rows.ResultRow;
import nighttrain.pipeline.row.RowFault;

/**
 * A task's loop: it takes rows from the queue, offers them to the engine until the engine refuses, and passes on a row's result when the
 * engine has answered all its requests. Beyond the rows that the engine holds, the loop holds one small group that waits to be offered.
 */
final class RowLoop {
    private static final Duration WAIT = Duration.ofMillis(20);
    /** The limit of offers between two polls for answers, so that answers of a fast engine do not pile up. */
    private static final int OFFERS_AT_ONCE = 64;

    private final RowQueue queue;
    private final RequestBuilder requests;
    private final ResultBuilder results;
    private final Engine.Session session;
    private final InFlight inFlight;
    private final DeadlineGate gate;
    private final Consumer<ResultRow> finished;
    private final Runnable pause;
    /** Rows with requests that the engine has not taken yet; it may have taken some of the first row. */
    private final Queue<ActiveRow> ready = new ArrayDeque<>();

    /**
     * @param finished takes a finished row
     * @param pause called when no answer is waiting; throws when the task must end
     */
    RowLoop(
            RowQueue queue,
            RequestBuilder requests,
            ResultBuilder results,
            Engine.Session session,
            InFlight inFlight,
            DeadlineGate gate,
            Consumer<ResultRow> finished,
            Runnable pause) {
        this.queue = queue;
        this.requests = requests;
        this.results = results;
        this.session = session;
        this.inFlight = inFlight;
        this.gate = gate;
        this.finished = finished;
        this.pause = pause;
    }

    /** Returns the number of rows left when the deadline came. */
    long run() throws InterruptedException {
        while (isAtWork()) {
            step();
        }
        return inFlight.size() + queue.countRest();
    }

    /** Offers rows and takes answers; waits a moment if neither is possible. */
    void step() throws InterruptedException {
        boolean offered = offer();
        boolean answered = takeAnswers(Duration.ZERO);
        if (!answered) {
            pause.run();
        }
        if (!offered && !answered) {
            takeAnswers(WAIT);
        }
    }

    /** Whether rows are in flight or may still be taken. */
    boolean isAtWork() {
        if (gate.isClosed()) {
            return begun() > 0 && !gate.isPast();
        }
        return inFlight.size() > 0 || queue.hasNext();
    }

    /** Returns the number of rows of which the engine has taken a request. */
    private int begun() {
        boolean firstHasBegun = !ready.isEmpty() && ready.element().hasBegun();
        return inFlight.size() - ready.size() + (firstHasBegun ? 1 : 0);
    }

    private boolean offer() {
        int offers = 0;
        while (offers < OFFERS_AT_ONCE
                && isReady()
                && session.offer(ready.element().next())) {
            ActiveRow row = ready.element();
            row.nextIsTaken();
            if (row.isOffered()) {
                ready.remove();
            }
            offers++;
        }
        return offers > 0;
    }

    /**
     * Whether a request can be offered. Takes more rows from the queue when none is ready. When the gate is closed, only a row that has
     * begun continues.
     */
    private boolean isReady() {
        if (gate.isClosed()) {
            return !ready.isEmpty() && ready.element().hasBegun();
        }
        while (ready.isEmpty() && queue.hasNext()) {
            List<PromptRow> rows = queue.next(inFlight.size());
            if (rows.isEmpty()) {
                return false;
            }
            List<ActiveRow> taken = new ArrayList<>();
            rows.forEach(row -> begin(row).ifPresent(taken::add));
            long beganNanos = System.nanoTime();
            inFlight.begin(taken);
            queue.logged(System.nanoTime() - beganNanos);
            ready.addAll(taken);
        }
        return !ready.isEmpty();
    }

    /** Builds the row's requests; empty if the row failed and is thus finished. */
    private Optional<ActiveRow> begin(PromptRow row) {
        try {
            return Optional.of(requests.of(row));
        } catch (RowFault fault) {
            fail(row, fault);
        } catch (UserError | EngineException notTheRows) {
            throw notTheRows;
        } catch (RuntimeException unexpected) {
            fail(row, new RowFault("bad_prompt", "prompt cannot be encoded: " + unexpected + " (mend the row)"));
        }
        return Optional.empty();
    }

    private void fail(PromptRow row, RowFault fault) {
        queue.ended(row);
        finished.accept(results.of(row, fault));
    }

    /** Takes all answers that are ready, and waits for the first. Returns whether there was one. */
    private boolean takeAnswers(Duration atMost) throws InterruptedException {
        Optional<Generation> answer = session.poll(atMost);
        boolean any = answer.isPresent();
        while (answer.isPresent()) {
            finish(answer.get());
            answer = session.poll(Duration.ZERO);
        }
        return any;
    }

    private void finish(Generation answer) {
        ActiveRow active = inFlight.of(answer.id());
        boolean isFinished = active.take(answer);
        if (active.failed().isPresent()) {
            ready.remove(active); // the engine does not get its other requests
        }
        if (isFinished) {
            inFlight.end(active);
            ResultRow row = results.of(active);
            finished.accept(row);
            queue.ended(active.row());
            gate.answered(row.e2eMs());
        }
    }
}
