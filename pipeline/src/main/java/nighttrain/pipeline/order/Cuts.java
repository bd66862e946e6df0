package nighttrain.pipeline.order;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Objects;
import java.util.stream.IntStream;
import nighttrain.pipeline.order.Line.Stretch;

/** The tasks that a run would have, known by what is in them rather than by their rows: for forecasts. */
public final class Cuts {
    /**
     * Rows that are alike.
     *
     * @param estimatedTokens of each, as the order estimates them before anything is computed
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
    public record Cut(double rows, double work, double longestS, double lastS) {
        /** This and, after it, so much of another. */
        private Cut then(Cut other, double share) {
            return new Cut(
                    rows + share * other.rows,
                    work + share * other.work,
                    Math.max(longestS, other.longestS),
                    other.lastS);
        }

        /** With some more among its rows. */
        private Cut with(Kind kind) {
            double longest = Math.max(longestS, kind.seconds());
            return new Cut(rows + kind.rows(), work + kind.rows() * kind.work(), longest, longest);
        }
    }

    private static final Cut NOTHING = new Cut(0, 0, 0, 0);

    private final Lengths lengths = new Lengths();
    private final Cut[] byClass = new Cut[LengthClass.COUNT];
    private final double rows;

    private Cuts(List<Kind> kinds) {
        double[] tokens = new double[LengthClass.COUNT];
        for (Kind kind : kinds) {
            int lengthClass = LengthClass.of(kind.estimatedTokens());
            tokens[lengthClass] += kind.rows() * kind.estimatedTokens();
            byClass[lengthClass] = (byClass[lengthClass] == null ? NOTHING : byClass[lengthClass]).with(kind);
        }
        this.rows = kinds.stream().mapToDouble(Kind::rows).sum();
        for (int next = 0; next < LengthClass.COUNT; next++) {
            if (byClass[next] != null) {
                lengths.add(next, atLeastOne(byClass[next].rows()), atLeastOne(tokens[next]));
            }
        }
    }

    /**
     * In the order in which Spark hands them out.
     *
     * @param engines one per executor
     * @param perEngine tasks that feed an engine at a time
     * @param maxNumSeqs sequences that an engine runs at a time
     */
    public static List<Cut> of(List<Kind> kinds, int engines, int perEngine, int maxNumSeqs) {
        return new Cuts(kinds).along(new Slots(engines, perEngine, maxNumSeqs));
    }

    private List<Cut> along(Slots slots) {
        if (rows <= slots.queues()) {
            return even((int) Math.max(1, Math.min(slots.all(), rows)));
        }
        Line line = Line.of(lengths, Groups.none());
        List<Cut> cuts = new ArrayList<>();
        double from = 0;
        for (double to : TaskSizes.ends(line, slots)) {
            cuts.add(between(from, to, line.stretches(), longestFirst()));
            from = to;
        }
        return cuts;
    }

    /** As {@link FeedOrder} does where all that there is runs at once: some of everything in each. */
    private List<Cut> even(int tasks) {
        Cut each = NOTHING;
        for (Cut some : longestFirst()) {
            each = each.then(some, 1.0 / tasks);
        }
        return Collections.nCopies(tasks, each);
    }

    private List<Cut> longestFirst() {
        return IntStream.iterate(LengthClass.COUNT - 1, next -> next >= 0, next -> next - 1)
                .mapToObj(next -> byClass[next])
                .filter(Objects::nonNull)
                .toList();
    }

    private static long atLeastOne(double number) {
        return Math.max(1, Math.round(number));
    }

    private static Cut between(double from, double to, List<Stretch> stretches, List<Cut> filled) {
        Cut cut = NOTHING;
        for (int i = 0; i < stretches.size(); i++) {
            Stretch stretch = stretches.get(i);
            double share = (Math.min(to, stretch.to()) - Math.max(from, stretch.from())) / stretch.tokens();
            if (share > 0) {
                cut = cut.then(filled.get(i), share);
            }
        }
        return cut;
    }
}
