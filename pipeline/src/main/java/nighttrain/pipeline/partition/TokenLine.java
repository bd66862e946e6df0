package nighttrain.pipeline.partition;

import java.io.Serializable;
import java.util.ArrayList;
import java.util.List;

/**
 * All prompts in a line as long as their tokens, the longer before the shorter; tasks are pieces of it. A prompt's place
 * follows from its length, its group and its position in the input: nobody has to know the others.
 */
final class TokenLine implements Serializable {
    private static final long serialVersionUID = 1L;

    /** The shortest prompts that hold this share of the tokens go by length alone: they fill the gaps at the end. */
    private static final double TAIL_SHARE = 0.125;

    /** A piece of the line whose prompts are mixed. */
    record Segment(double from, double tokens, long rows) implements Serializable {
        double tokensPerRow() {
            return tokens / rows;
        }

        double to() {
            return from + tokens;
        }
    }

    private final List<Segment> stretches;
    private final int[] stretchOfClass;
    private final PrefixGroups groups;

    private TokenLine(List<Segment> stretches, int[] stretchOfClass, PrefixGroups groups) {
        this.stretches = stretches;
        this.stretchOfClass = stretchOfClass;
        this.groups = groups;
    }

    /** By length, class after class; where prompts have groups, these before the tail, whatever their lengths. */
    static TokenLine of(LengthHistogram lengths, PrefixGroups groups) {
        int firstOfTail = groups.isNone() ? LengthClass.COUNT : tail(lengths);
        List<Segment> stretches = new ArrayList<>();
        int[] stretchOfClass = new int[LengthClass.COUNT];
        double at = 0;
        for (int next = LengthClass.COUNT - 1; next >= 0; ) {
            double tokens = 0;
            long rows = 0;
            int last = next >= firstOfTail ? firstOfTail : next;
            for (; next >= last; next--) {
                tokens += lengths.tokens(next);
                rows += lengths.rows(next);
                stretchOfClass[next] = stretches.size();
            }
            if (rows > 0) {
                stretches.add(new Segment(at, tokens, rows));
                at += tokens;
            }
        }
        return new TokenLine(List.copyOf(stretches), stretchOfClass, groups);
    }

    /** The lowest class that is not of the tail. */
    private static int tail(LengthHistogram lengths) {
        double left = TAIL_SHARE * lengths.tokens();
        int next = 0;
        while (lengths.tokens(next) <= left) {
            left -= lengths.tokens(next);
            next++;
        }
        return next;
    }

    List<Segment> stretches() {
        return stretches;
    }

    double tokens() {
        return stretches.isEmpty() ? 0 : stretches.get(stretches.size() - 1).to();
    }

    /** Where a prompt stands: its length class, its group and its position in the input. */
    double place(int lengthClass, long group, long position) {
        int index = Math.min(stretchOfClass[lengthClass], stretches.size() - 1);
        Segment stretch = stretches.get(index);
        boolean grouped = index == 0 && !groups.isNone();
        double share = grouped ? groups.share(group, position) : Spread.evenly(position);
        return stretch.from() + share * stretch.tokens();
    }
}
