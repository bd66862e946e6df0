package nighttrain.pipeline.task;

import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Queue;
import java.util.function.Consumer;
import nighttrain.executor.Engine;
import nighttrain.executor.EngineException;
import nighttrain.executor.request.Generation;
import nighttrain.io.UserError;
import nighttrain.io.rows.ResultRow;
import nighttrain.pipeline.row.RowFault;

/**
 * One task's loop: takes rows up, offers them while the engine takes them, and writes down answers as they come. Holds no more
 * rows than the engine does, and those few that it takes up together.
 */
final class RowLoop {
    private static final Duration WAIT = Duration.ofMillis(20);
    /** Offered at most before answers are looked at, so that they do not pile up when the engine is fast. */
    private static final int OFFERS_AT_ONCE = 64;

    private final RowQueue intake;
    private final RequestBuilder requests;
    private final ResultBuilder results;
    private final Engine.Session session;
    private final InFlight inFlight;
    private final DeadlineGate lastCall;
    private final Consumer<ResultRow> finished;
    private final Runnable pause;
    private final Queue<Request> ready = new ArrayDeque<>();

    /**
     * @param finished takes a finished row
     * @param pause called when no answer is waiting; throws where the task is to end
     */
    RowLoop(
            RowQueue intake,
            RequestBuilder requests,
            ResultBuilder results,
            Engine.Session session,
            InFlight inFlight,
            DeadlineGate lastCall,
            Consumer<ResultRow> finished,
            Runnable pause) {
        this.intake = intake;
        this.requests = requests;
        this.results = results;
        this.session = session;
        this.inFlight = inFlight;
        this.lastCall = lastCall;
        this.finished = finished;
        this.pause = pause;
    }

    /** How many rows were left because time was up. */
    long run() throws InterruptedException {
        while (isAtWork()) {
            boolean offered = !lastCall.isOver() && offer();
            boolean answered = take(Duration.ZERO);
            if (!answered) {
                pause.run();
            }
            if (!offered && !answered) {
                take(WAIT);
            }
        }
        return inFlight.size() + intake.countRest();
    }

    private boolean isAtWork() {
        if (lastCall.isOver()) {
            return inFlight.size() > ready.size() && !lastCall.isPast();
        }
        return inFlight.size() > 0 || intake.hasNext();
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

    /** Whether a row can be offered; takes some more up where none is left. */
    private boolean isReady() {
        while (ready.isEmpty() && intake.hasNext()) {
            List<PromptRow> rows = intake.next(inFlight.size());
            if (rows.isEmpty()) {
                return false;
            }
            List<Request> taken = new ArrayList<>();
            rows.forEach(row -> request(row).ifPresent(taken::add));
            long beganNanos = System.nanoTime();
            inFlight.begin(taken);
            intake.wroteDown(System.nanoTime() - beganNanos);
            ready.addAll(taken);
        }
        return !ready.isEmpty();
    }

    /** The row's request; none where the row is finished already, having failed. */
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
        intake.ended(row);
        finished.accept(results.of(row, fault));
    }

    /** Takes all answers that are there, waiting for the first; whether there was one. */
    private boolean take(Duration atMost) throws InterruptedException {
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
        intake.ended(request.row());
        lastCall.answered(row.e2eMs());
    }
}
