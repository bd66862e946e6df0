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
import nighttrain.pipeline.task.RequestBuilder.Request;

/**
 * One task's loop: it takes rows from the queue, offers them to the engine until the engine refuses, and hands on results as the
 * engine answers. Beyond the rows that the engine holds, the loop holds one small group that waits to be offered.
 */
final class RowLoop {
    private static final Duration WAIT = Duration.ofMillis(20);
    /** The limit of offers between two looks at answers, so that answers of a fast engine do not pile up. */
    private static final int OFFERS_AT_ONCE = 64;

    private final RowQueue queue;
    private final RequestBuilder requests;
    private final ResultBuilder results;
    private final Engine.Session session;
    private final InFlight inFlight;
    private final DeadlineGate gate;
    private final Consumer<ResultRow> finished;
    private final Runnable pause;
    private final Queue<Request> ready = new ArrayDeque<>();

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
            boolean offered = !gate.isClosed() && offer();
            boolean answered = takeAnswers(Duration.ZERO);
            if (!answered) {
                pause.run();
            }
            if (!offered && !answered) {
                takeAnswers(WAIT);
            }
        }
        return inFlight.size() + queue.countRest();
    }

    private boolean isAtWork() {
        if (gate.isClosed()) {
            return inFlight.size() > ready.size() && !gate.isPast();
        }
        return inFlight.size() > 0 || queue.hasNext();
    }

    private boolean offer() {
        int offers = 0;
        while (offers < OFFERS_AT_ONCE
                && isReady()
                && session.offer(ready.element().generation())) {
            ready.remove();
            offers++;
        }
        return offers > 0;
    }

    /** Whether a row can be offered. Takes more rows from the queue when none is ready. */
    private boolean isReady() {
        while (ready.isEmpty() && queue.hasNext()) {
            List<PromptRow> rows = queue.next(inFlight.size());
            if (rows.isEmpty()) {
                return false;
            }
            List<Request> taken = new ArrayList<>();
            rows.forEach(row -> request(row).ifPresent(taken::add));
            long beganNanos = System.nanoTime();
            inFlight.begin(taken);
            queue.logged(System.nanoTime() - beganNanos);
            ready.addAll(taken);
        }
        return !ready.isEmpty();
    }

    /** The row's request; empty when the row failed, and so is finished. */
    private Optional<Request> request(PromptRow row) {
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
        Request request = inFlight.end(answer.id());
        ResultRow row = results.of(request, answer);
        finished.accept(row);
        queue.ended(request.row());
        gate.answered(row.e2eMs());
    }
}
