package nighttrain.pipeline.partition;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Objects;
import java.util.stream.IntStream;
import nighttrain.pipeline.partition.TokenLine.Segment;

/** The tasks that a run would have, for forecasts: known by kinds of rows, not by single rows. */
public final class TaskPartitions {
    /**
     * Rows that are alike.
     *
     * @param estimatedTokens of each, as {@link TokenEstimate} has them
     * @param rows how many
     * @param work of each, in seconds of an engine that is full
     * @param seconds from a row's first step to its last, in an engine that is full
     */
    public record Kind(long estimatedTokens, double rows, double work, double seconds) {}

    /**
     * A task.
     *
     * @param rows how many
     * @param work of all, in seconds of an engine that is full
     * @param longestS from the first step to the last of its longest row, which comes first
     * @param lastS the same of the longest among those that come last
     */
    public record TaskPartition(double rows, double work, double longestS, double lastS) {
        /** This, followed by a share of another. */
        private TaskPartition then(TaskPartition other, double share) {
            return new TaskPartition(
                    rows + share * other.rows,
                    work + share * other.work,
                    Math.max(longestS, other.longestS),
                    other.lastS);
        }

        /** With more rows among its own. */
        private TaskPartition with(Kind kind) {
            double longest = Math.max(longestS, kind.seconds());
            return new TaskPartition(rows + kind.rows(), work + kind.rows() * kind.work(), longest, longest);
        }
    }

    private static final TaskPartition NOTHING = new TaskPartition(0, 0, 0, 0);

    private final LengthHistogram lengths = new LengthHistogram();
    private final TaskPartition[] byClass = new TaskPartition[LengthHistogram.CLASSES];
    private final double rows;

    private TaskPartitions(List<Kind> kinds) {
        double[] tokens = new double[LengthHistogram.CLASSES];
        for (Kind kind : kinds) {
            int lengthClass = LengthHistogram.classOf(kind.estimatedTokens());
            tokens[lengthClass] += kind.rows() * kind.estimatedTokens();
            byClass[lengthClass] = (byClass[lengthClass] == null ? NOTHING : byClass[lengthClass]).with(kind);
        }
        this.rows = kinds.stream().mapToDouble(Kind::rows).sum();
        for (int next = 0; next < LengthHistogram.CLASSES; next++) {
            if (byClass[next] != null) {
                lengths.add(next, atLeastOne(byClass[next].rows()), atLeastOne(tokens[next]));
            }
        }
    }

    /**
     * The tasks, in the order in which Spark starts them.
     *
     * @param engines one per executor
     * @param perEngine tasks that feed an engine at a time
     * @param maxNumSeqs sequences that an engine runs at a time
     */
    public static List<TaskPartition> of(List<Kind> kinds, int engines, int perEngine, int maxNumSeqs) {
        return new TaskPartitions(kinds).along(new Slots(engines, perEngine, maxNumSeqs));
    }

    private List<TaskPartition> along(Slots slots) {
        if (rows <= slots.queues()) {
            return even((int) Math.max(1, Math.min(slots.all(), rows)));
        }
        TokenLine line = TokenLine.of(lengths, PrefixGroups.none());
        List<TaskPartition> partitions = new ArrayList<>();
        double from = 0;
        for (double to : TaskSizes.ends(line, slots)) {
            partitions.add(between(from, to, line.segments(), longestFirst()));
            from = to;
        }
        return partitions;
    }

    /** As {@link PartitionPlan} does when all rows run at once: every task has the same share of every kind. */
    private List<TaskPartition> even(int tasks) {
        TaskPartition each = NOTHING;
        for (TaskPartition some : longestFirst()) {
            each = each.then(some, 1.0 / tasks);
        }
        return Collections.nCopies(tasks, each);
    }

    private List<TaskPartition> longestFirst() {
        return IntStream.iterate(LengthHistogram.CLASSES - 1, next -> next >= 0, next -> next - 1)
                .mapToObj(next -> byClass[next])
                .filter(Objects::nonNull)
                .toList();
    }

    private static long atLeastOne(double number) {
        return Math.max(1, Math.round(number));
    }

    private static TaskPartition between(double from, double to, List<Segment> segments, List<TaskPartition> filled) {
        TaskPartition partition = NOTHING;
        for (int i = 0; i < segments.size(); i++) {
            Segment segment = segments.get(i);
            double share = (Math.min(to, segment.to()) - Math.max(from, segment.from())) / segment.tokens();
            if (share > 0) {
                partition = partition.then(filled.get(i), share);
            }
        }
        return partition;
    }
}
