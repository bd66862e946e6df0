package nighttrain.pipeline.partition;

import java.io.Serializable;
import java.util.ArrayList;
import java.util.List;

/**
 * A line on which all prompts are laid out, as long as their tokens together, longer prompts before shorter ones. Tasks are pieces of the
 * line. A prompt's place depends on its length, its group and its position in the input, not on other prompts.
 */
final class TokenLine implements Serializable {
    private static final long serialVersionUID = 1L;

    /** The shortest prompts that hold this share of the tokens are not grouped: they fill the gaps at the end. */
    private static final double TAIL_SHARE = 0.125;

    /** A piece of the line in which prompts are mixed. */
    record Segment(double from, double tokens, long rows) implements Serializable {
        double tokensPerRow() {
            return tokens / rows;
        }

        double to() {
            return from + tokens;
        }
    }

    private final List<Segment> segments;
    private final int[] segmentOfClass;
    private final PrefixGroups groups;

    private TokenLine(List<Segment> segments, int[] segmentOfClass, PrefixGroups groups) {
        this.segments = segments;
        this.segmentOfClass = segmentOfClass;
        this.groups = groups;
    }

    /** Lays out prompts by length, class after class. Grouped prompts precede the tail, whatever their lengths. */
    static TokenLine of(LengthHistogram lengths, PrefixGroups groups) {
        int firstOfTail = groups.isNone() ? LengthHistogram.CLASSES : tail(lengths);
        List<Segment> segments = new ArrayList<>();
        int[] segmentOfClass = new int[LengthHistogram.CLASSES];
        double at = 0;
        for (int next = LengthHistogram.CLASSES - 1; next >= 0; ) {
            double tokens = 0;
            long rows = 0;
            int last = next >= firstOfTail ? firstOfTail : next;
            for (; next >= last; next--) {
                tokens += lengths.tokens(next);
                rows += lengths.rows(next);
                segmentOfClass[next] = segments.size();
            }
            if (rows > 0) {
                segments.add(new Segment(at, tokens, rows));
                at += tokens;
            }
        }
        return new TokenLine(List.copyOf(segments), segmentOfClass, groups);
    }

    /** Returns the lowest class outside the tail. */
    private static int tail(LengthHistogram lengths) {
        double left = TAIL_SHARE * lengths.tokens();
        int next = 0;
        while (lengths.tokens(next) <= left) {
            left -= lengths.tokens(next);
            next++;
        }
        return next;
    }

    List<Segment> segments() {
        return segments;
    }

    double tokens() {
        return segments.isEmpty() ? 0 : segments.get(segments.size() - 1).to();
    }

    /** Returns the place of a prompt from its length class, its group and its position in the input. */
    double place(int lengthClass, long group, long position) {
        int index = Math.min(segmentOfClass[lengthClass], segments.size() - 1);
        Segment segment = segments.get(index);
        boolean grouped = index == 0 && !groups.isNone();
        double share = grouped ? groups.share(group, position) : PrefixGroups.spreadEvenly(position);
        return segment.from() + share * segment.tokens();
    }
}
