package nighttrain.pipeline.task;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import nighttrain.io.journal.AttemptLog;
import nighttrain.io.journal.AttemptLog.RowAttempt;
import nighttrain.pipeline.task.RequestBuilder.Request;

/** The requests that a task has in flight: whole in memory, and their rows in the attempt log on disk. */
final class InFlight implements AutoCloseable {
    private final AttemptLog log;
    private final boolean isolated;
    private final Map<Long, Request> requests = new HashMap<>();
    private boolean crashed;

    InFlight(AttemptLog log, boolean isolated) {
        this.log = log;
        this.isolated = isolated;
    }

    void begin(List<Request> taken) {
        taken.forEach(request -> requests.put(request.generation().id(), request));
        log.begin(taken.stream().map(this::row).toList());
    }

    /** Removes and returns the request of that id, which the engine answered. */
    Request end(long id) {
        Request request = requests.remove(id);
        log.end(row(request));
        return request;
    }

    int size() {
        return requests.size();
    }

    /** The engine failed, and a row in flight may be the cause: the log keeps these rows as crashed. */
    void crashed() {
        crashed = true;
    }

    @Override
    public void close() {
        if (!crashed) {
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
        return new RowAttempt(row.file(), row.row(), row.sample(), isolated, false);
    }
}
