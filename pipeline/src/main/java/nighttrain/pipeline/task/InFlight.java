package nighttrain.pipeline.task;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import nighttrain.io.journal.AttemptLog;
import nighttrain.io.journal.AttemptLog.RowAttempt;

/** The rows that a task has in flight: the rows themselves in memory, and their keys in the attempt log, if there is one. */
final class InFlight implements AutoCloseable {
    private final Optional<AttemptLog> log;
    private final boolean isolated;
    private final Map<Long, ActiveRow> byRequest = new HashMap<>();
    private int size;
    private boolean crashed;

    InFlight(Optional<AttemptLog> log, boolean isolated) {
        this.log = log;
        this.isolated = isolated;
    }

    void begin(List<ActiveRow> taken) {
        for (ActiveRow row : taken) {
            row.requests().forEach(request -> byRequest.put(request.generation().id(), row));
        }
        size += taken.size();
        log.ifPresent(it -> it.begin(taken.stream().map(this::attempt).toList()));
    }

    /** Returns the row that has the request with this id. */
    ActiveRow of(long request) {
        return byRequest.get(request);
    }

    /** Removes a finished row. */
    void end(ActiveRow row) {
        row.requests().forEach(request -> byRequest.remove(request.generation().id()));
        size--;
        log.ifPresent(it -> it.end(attempt(row)));
    }

    /** Returns the number of rows. */
    int size() {
        return size;
    }

    /** Records that the engine failed. A row in flight may be the cause, so the log keeps these rows as crashed. */
    void crashed() {
        crashed = true;
    }

    @Override
    public void close() {
        if (log.isEmpty()) {
            return;
        }
        try (AttemptLog ending = log.get()) {
            if (!crashed) {
                ending.release();
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private RowAttempt attempt(ActiveRow active) {
        PromptRow row = active.row();
        return new RowAttempt(row.file(), row.row(), row.sample(), isolated, false);
    }
}
