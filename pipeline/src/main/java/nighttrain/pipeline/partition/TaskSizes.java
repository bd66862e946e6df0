package nighttrain.pipeline.partition;

import java.util.ArrayList;
import java.util.List;
import nighttrain.pipeline.partition.TokenLine.Segment;

/**
 * Where a line is cut into tasks: from large to small, since Spark hands them out in order as slots become free (guided
 * self-scheduling, Polychronopoulos and Kuck 1987). Few tasks then, and an end of small ones that come out even.
 */
final class TaskSizes {
    /**
     * A task is at most this part of an even share of what is left: an executor that is four times slower than the others ends
     * it while they do half of the rest.
     */
    private static final double SHARE = 0.125;
    /** The smallest task, as part of a slot's even share of everything: what a slow executor may be late by. */
    private static final double SMALLEST = 1.0 / 512;
    /** An attempt that is lost, and the keys that the next one must know, stay bounded. */
    private static final long MOST_ROWS = 250_000;
    /** Every reading task writes to every one of these. */
    private static final int MANY_TASKS = 4096;
    /** So many for each slot there may be all the same, or hundreds of executors would come out uneven. */
    private static final int MANY_PER_SLOT = 8;

    private TaskSizes() {}

    /** The tasks' ends, ascending. */
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
        for (Segment stretch : line.stretches()) {
            double full = slots.leastRowsPerTask() * stretch.tokensPerRow();
            double most = MOST_ROWS * stretch.tokensPerRow();
            while (at < stretch.to()) {
                double left = line.tokens() - at;
                double size = Math.max(SHARE * left / slots.all(), Math.max(smallest, full));
                size = Math.min(size, Math.max(most, smallest));
                // No crumbs: what would be less than half a task belongs to the one before.
                at = left < 1.5 * size ? line.tokens() : at + size;
                ends.add(at);
            }
        }
        return ends;
    }
}
