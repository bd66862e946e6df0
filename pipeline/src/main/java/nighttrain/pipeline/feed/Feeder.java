package nighttrain.pipeline.feed;

import java.time.Duration;
import java.util.HashMap;
import java.util.Iterator;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;
import nighttrain.executor.Engine;
import nighttrain.executor.EngineException;
import nighttrain.executor.request.Generation;
import nighttrain.io.UserError;
import nighttrain.io.table.ResultRow;

/**
 * One task's loop: offers rows while the engine takes them, and writes down answers as they come. Holds no more rows than the
 * engine does.
 */
final class Feeder {
    private static final Duration WAIT = Duration.ofMillis(20);
    /** Offered at most before answers are looked at, so that they do not pile up when the engine is fast. */
    private static final int OFFERS_AT_ONCE = 64;

    private final Iterator<PromptRow> rows;
    private final Requests requests;
    private final Results results;
    private final Engine.Session session;
    private final Consumer<ResultRow> finished;
    private final Runnable pause;
    private final Map<Long, Request> inFlight = new HashMap<>();
    private Request refused;

    /**
     * @param finished takes a finished row
     * @param pause called when no answer is waiting; throws where the task is to end
     */
    Feeder(
            Iterator<PromptRow> rows,
            Requests requests,
            Results results,
            Engine.Session session,
            Consumer<ResultRow> finished,
            Runnable pause) {
        this.rows = rows;
        this.requests = requests;
        this.results = results;
        this.session = session;
        this.finished = finished;
        this.pause = pause;
    }

    void run() throws InterruptedException {
        while (refused != null || rows.hasNext() || !inFlight.isEmpty()) {
            boolean offered = offer();
            boolean answered = take(Duration.ZERO);
            if (!answered) {
                pause.run();
            }
            if (!offered && !answered) {
                take(WAIT);
            }
        }
    }

    private boolean offer() {
        int offers = 0;
        while (offers < OFFERS_AT_ONCE && (refused != null || rows.hasNext())) {
            Request next = refused != null ? refused : request(rows.next());
            refused = null;
            if (next == null) {
                continue;
            }
            if (!session.offer(next.generation())) {
                refused = next;
                break;
            }
            inFlight.put(next.generation().id(), next);
            offers++;
        }
        return offers > 0;
    }

    /** The row's request; null where the row is finished already, having failed. */
    private Request request(PromptRow row) {
        try {
            return requests.of(row);
        } catch (RowFault fault) {
            finished.accept(results.of(row, fault));
        } catch (UserError | EngineException notTheRows) {
            throw notTheRows;
        } catch (RuntimeException unexpected) {
            RowFault fault = new RowFault("bad_prompt", "prompt cannot be encoded: " + unexpected + " (mend the row)");
            finished.accept(results.of(row, fault));
        }
        return null;
    }

    /** Takes all answers that are there, waiting for the first; whether there was one. */
    private boolean take(Duration atMost) throws InterruptedException {
        Optional<Generation> answer = session.poll(atMost);
        boolean any = answer.isPresent();
        while (answer.isPresent()) {
            Request request = inFlight.remove(answer.get().id());
            finished.accept(results.of(request, answer.get()));
            answer = session.poll(Duration.ZERO);
        }
        return any;
    }
}
