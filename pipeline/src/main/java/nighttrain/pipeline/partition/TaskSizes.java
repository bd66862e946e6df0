package nighttrain.pipeline.partition;

import java.util.ArrayList;
import java.util.List;
import nighttrain.pipeline.partition.TokenLine.Segment;

/**
 * Cuts the line of prompts into tasks from large to small: Spark starts tasks in order as slots become free (guided self-scheduling,
 * Polychronopoulos and Kuck 1987). So tasks are few, and the small ones at the end finish at about the same time.
 */
final class TaskSizes {
    /**
     * A task is at most this part of an even share of the remaining work: an executor that is four times slower than the others finishes it
     * while they do half of the rest.
     */
    private static final double SHARE = 0.125;
    /** The smallest task, as part of a slot's even share of all work. It limits the delay by a slow executor. */
    private static final double SMALLEST = 1.0 / 512;
    /** Limit of a task's rows. It limits the work that a lost attempt loses, and the keys that the next attempt must know. */
    private static final long MOST_ROWS = 250_000;
    /** Limit of the number of tasks: every reading task writes to each of them. */
    private static final int MANY_TASKS = 4096;
    /** This many tasks per slot are always allowed; with fewer, hundreds of executors would finish at different times. */
    private static final int MANY_PER_SLOT = 8;

    private TaskSizes() {}

    /** Returns the ends of the tasks on the line in ascending order. */
    static double[] ends(TokenLine line, Slots slots) {
        double smallest = SMALLEST * line.tokens() / slots.all();
        List<Double> ends = cut(line, slots, smallest);
        int most = Math.max(MANY_TASKS, MANY_PER_SLOT * slots.all());
        while (ends.size() > most && smallest < line.tokens()) {
            smallest *= 2;
            ends = cut(line, slots, smallest);
        }
        return ends.stream().mapToDouble(end -> end).toArray();
    }

    private static List<Double> cut(TokenLine line, Slots slots, double smallest) {
        List<Double> ends = new ArrayList<>();
        double at = 0;
        for (Segment segment : line.segments()) {
            double full = slots.leastRowsPerTask() * segment.tokensPerRow();
            double most = MOST_ROWS * segment.tokensPerRow();
            while (at < segment.to()) {
                double left = line.tokens() - at;
                double size = Math.max(SHARE * left / slots.all(), Math.max(smallest, full));
                size = Math.min(size, Math.max(most, smallest));
                // A rest of less than half a task belongs to the task before.
                at = left < 1.5 * size ? line.tokens() : at + size;
                ends.add(at);
            }
        }
        return ends;
    }
}
