package nighttrain.pipeline.partition;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Objects;
import java.util.stream.IntStream;
import nighttrain.pipeline.partition.TokenLine.Segment;

/** Predicts the tasks of a run for forecasts, from kinds of rows instead of single rows. */
public final class TaskPartitions {
    /**
     * A kind of rows: rows that are alike.
     *
     * @param estimatedTokens tokens of each row, as {@link TokenEstimate} estimates them
     * @param rows number of rows
     * @param work work of each row, in seconds of a full engine
     * @param seconds time from a row's first step to its last, in a full engine
     */
    public record Kind(long estimatedTokens, double rows, double work, double seconds) {}

    /**
     * A task.
     *
     * @param rows number of rows
     * @param work work of all rows, in seconds of a full engine
     * @param longestS seconds from the first step to the last of its longest row, which comes first
     * @param lastS the same for the longest of the rows that come last
     */
    public record TaskPartition(double rows, double work, double longestS, double lastS) {
        /** Returns this task followed by a share of another. */
        private TaskPartition then(TaskPartition other, double share) {
            return new TaskPartition(
                    rows + share * other.rows,
                    work + share * other.work,
                    Math.max(longestS, other.longestS),
                    other.lastS);
        }

        /** Returns this task with the rows of a kind mixed in. */
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
     * Returns the tasks in the order in which Spark starts them.
     *
     * @param engines number of engines, one per executor
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

    /** Returns equal tasks, as {@link PartitionPlan} makes them when all rows run at once: each has the same share of every kind. */
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
