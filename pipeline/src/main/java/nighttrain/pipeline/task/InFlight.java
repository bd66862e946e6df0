package nighttrain.pipeline.task;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import nighttrain.io.journal.AttemptLog;
import nighttrain.io.table.RowAttempt;

/** The requests that a task has taken up, in memory and, by their rows, on disk. */
final class InFlight implements AutoCloseable {
    private final AttemptLog log;
    private final boolean alone;
    private final Map<Long, Request> requests = new HashMap<>();
    private boolean died;

    InFlight(AttemptLog log, boolean alone) {
        this.log = log;
        this.alone = alone;
    }

    void begin(List<Request> taken) {
        taken.forEach(request -> requests.put(request.generation().id(), request));
        log.begin(taken.stream().map(this::row).toList());
    }

    /** The request of that id, which is answered. */
    Request end(long id) {
        Request request = requests.remove(id);
        log.end(row(request));
        return request;
    }

    int size() {
        return requests.size();
    }

    /** The engine died, and what is in flight may be why. */
    void died() {
        died = true;
    }

    @Override
    public void close() {
        if (!died) {
            log.release();
        }
        try {
            log.close();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private RowAttempt row(Request request) {
        PromptRow row = request.row();
        return new RowAttempt(row.file(), row.row(), row.sample(), alone, false);
    }
}
