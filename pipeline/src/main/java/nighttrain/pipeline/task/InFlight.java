package nighttrain.pipeline.task;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import nighttrain.io.journal.AttemptLog;
import nighttrain.io.journal.AttemptLog.RowAttempt;

/** The rows that a task has in flight: whole in memory, and their names in the attempt log on disk. */
final class InFlight implements AutoCloseable {
    private final AttemptLog log;
    private final boolean isolated;
    private final Map<Long, ActiveRow> byRequest = new HashMap<>();
    private int size;
    private boolean crashed;

    InFlight(AttemptLog log, boolean isolated) {
        this.log = log;
        this.isolated = isolated;
    }

    void begin(List<ActiveRow> taken) {
        for (ActiveRow row : taken) {
            row.requests().forEach(request -> byRequest.put(request.generation().id(), row));
        }
        size += taken.size();
        log.begin(taken.stream().map(this::attempt).toList());
    }

    /** The row that has the request of that id. */
    ActiveRow of(long request) {
        return byRequest.get(request);
    }

    /** Removes a row, which is finished. */
    void end(ActiveRow row) {
        row.requests().forEach(request -> byRequest.remove(request.generation().id()));
        size--;
        log.end(attempt(row));
    }

    /** How many rows. */
    int size() {
        return size;
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

    private RowAttempt attempt(ActiveRow active) {
        PromptRow row = active.row();
        return new RowAttempt(row.file(), row.row(), row.sample(), isolated, false);
    }
}
