package nighttrain.pipeline.task;

import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashSet;
import java.util.Iterator;
import java.util.List;
import java.util.Set;
import nighttrain.pipeline.task.TaskSpec.Pass;

/**
 * Decides which rows a task takes next. Of rows that were in flight at a crash, only a few are in flight at a time, so that another
 * crash makes only a few rows suspicious. Suspicious rows are left to the isolated pass.
 */
final class RowQueue {
    private static final int FEWEST_AT_ONCE = 16;
    private static final int MOST_AT_ONCE = 256;
    private static final long SLOW_NANOS = Duration.ofMillis(20).toNanos();
    private static final int MOST_CRASHED = 8;

    private final Iterator<PromptRow> rows;
    private final Pass pass;
    private final AttemptCounts attempts;
    private final Deque<PromptRow> waiting = new ArrayDeque<>();
    private final Set<PromptRow.Key> crashed = new HashSet<>();
    private int atOnce = FEWEST_AT_ONCE;
    private long suspicious;

    RowQueue(Iterator<PromptRow> rows, Pass pass, AttemptCounts attempts) {
        this.rows = rows;
        this.pass = pass;
        this.attempts = attempts;
    }

    boolean hasNext() {
        return !waiting.isEmpty() || rows.hasNext();
    }

    /** Returns the next rows; empty while earlier rows must finish first. */
    List<PromptRow> next(int inFlight) {
        List<PromptRow> taken = new ArrayList<>();
        if (pass.isolated()) {
            if (inFlight == 0) {
                taken.add(rows.next());
            }
            return taken;
        }
        while (taken.size() < atOnce && !waiting.isEmpty() && crashed.size() < MOST_CRASHED) {
            taken.add(withCare(waiting.remove()));
        }
        while (taken.size() < atOnce && rows.hasNext()) {
            consider(rows.next(), taken);
        }
        return taken;
    }

    private void consider(PromptRow row, List<PromptRow> taken) {
        if (attempts.isSuspicious(row)) {
            suspicious++;
        } else if (!attempts.crashed(row)) {
            taken.add(row);
        } else if (crashed.size() < MOST_CRASHED) {
            taken.add(withCare(row));
        } else {
            waiting.add(row);
        }
    }

    private PromptRow withCare(PromptRow row) {
        crashed.add(row.key());
        return row;
    }

    /**
     * Records how long logging the last rows took. When logging is slow, more rows share one write, and the engine's queue lasts longer.
     */
    void logged(long nanos) {
        if (nanos > SLOW_NANOS) {
            atOnce = Math.min(MOST_AT_ONCE, 2 * atOnce);
        }
    }

    void ended(PromptRow row) {
        crashed.remove(row.key());
    }

    /** The number of rows left to the isolated pass. */
    long suspicious() {
        return suspicious;
    }

    /** Counts the rows that were never taken, and empties the queue. */
    long countRest() {
        long rest = waiting.size();
        waiting.clear();
        for (; rows.hasNext(); rest++) {
            rows.next();
        }
        return rest;
    }
}
