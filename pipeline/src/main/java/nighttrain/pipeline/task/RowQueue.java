package nighttrain.pipeline.task;

import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashSet;
import java.util.Iterator;
import java.util.List;
import java.util.Set;

/**
 * Which rows a task takes up next. Rows that were in flight when something died wait for one another, a few at a time among
 * others: should it happen again, few are suspicious. Those that are suspicious are left for the pass in which every row is
 * alone.
 */
final class RowQueue {
    private static final int FEWEST_AT_ONCE = 16;
    private static final int MOST_AT_ONCE = 256;
    private static final long SLOW_NANOS = Duration.ofMillis(20).toNanos();
    private static final int MOST_THAT_SAW_A_DEATH = 8;

    private final Iterator<PromptRow> rows;
    private final Pass pass;
    private final AttemptCounts tries;
    private final Deque<PromptRow> waiting = new ArrayDeque<>();
    private final Set<PromptRow.Key> sawADeath = new HashSet<>();
    private int atOnce = FEWEST_AT_ONCE;
    private long suspicious;

    RowQueue(Iterator<PromptRow> rows, Pass pass, AttemptCounts tries) {
        this.rows = rows;
        this.pass = pass;
        this.tries = tries;
    }

    boolean hasNext() {
        return !waiting.isEmpty() || rows.hasNext();
    }

    /** Some rows to take up together; none while those before must end first. */
    List<PromptRow> next(int inFlight) {
        List<PromptRow> taken = new ArrayList<>();
        if (pass.alone()) {
            if (inFlight == 0) {
                taken.add(rows.next());
            }
            return taken;
        }
        while (taken.size() < atOnce && !waiting.isEmpty() && sawADeath.size() < MOST_THAT_SAW_A_DEATH) {
            taken.add(careful(waiting.remove()));
        }
        while (taken.size() < atOnce && rows.hasNext()) {
            consider(rows.next(), taken);
        }
        return taken;
    }

    private void consider(PromptRow row, List<PromptRow> taken) {
        if (tries.isSuspicious(row)) {
            suspicious++;
        } else if (!tries.sawADeath(row)) {
            taken.add(row);
        } else if (sawADeath.size() < MOST_THAT_SAW_A_DEATH) {
            taken.add(careful(row));
        } else {
            waiting.add(row);
        }
    }

    private PromptRow careful(PromptRow row) {
        sawADeath.add(row.key());
        return row;
    }

    /** Writing down what was taken up took so long: where that is slow, more rows share it, and the engine's queue outlasts it. */
    void wroteDown(long nanos) {
        if (nanos > SLOW_NANOS) {
            atOnce = Math.min(MOST_AT_ONCE, 2 * atOnce);
        }
    }

    void ended(PromptRow row) {
        sawADeath.remove(row.key());
    }

    /** Rows for the pass to come. */
    long suspicious() {
        return suspicious;
    }

    /** Rows never taken up; none is after this. */
    long countRest() {
        long rest = waiting.size();
        waiting.clear();
        for (; rows.hasNext(); rest++) {
            rows.next();
        }
        return rest;
    }
}
