package nighttrain.io.constraint;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.function.IntPredicate;

/** A set of characters: sorted ranges of code points that do not touch. Surrogates are not characters. */
record CodePoints(List<Range> ranges) {
    static final int LAST = Character.MAX_CODE_POINT;
    static final CodePoints ALL = new CodePoints(List.of(new Range(0, 0xD7FF), new Range(0xE000, LAST)));
    static final CodePoints NONE = new CodePoints(List.of());

    record Range(int first, int last) {}

    CodePoints {
        ranges = List.copyOf(ranges);
    }

    /** Returns a set of {@code [first1, last1, first2, last2, ...]}, in any order. */
    static CodePoints of(int... bounds) {
        List<Range> ranges = new ArrayList<>();
        for (int i = 0; i < bounds.length; i += 2) {
            ranges.add(new Range(bounds[i], bounds[i + 1]));
        }
        return new CodePoints(joined(ranges)).and(ALL);
    }

    /** Returns the characters of a text. */
    static CodePoints in(String text) {
        return of(text.codePoints()
                .flatMap(c -> java.util.stream.IntStream.of(c, c))
                .toArray());
    }

    static CodePoints where(IntPredicate member) {
        List<Range> ranges = new ArrayList<>();
        int first = -1;
        for (int c = 0; c <= LAST + 1; c++) {
            boolean is = c <= LAST && (c < 0xD800 || c > 0xDFFF) && member.test(c);
            if (is && first < 0) {
                first = c;
            } else if (!is && first >= 0) {
                ranges.add(new Range(first, c - 1));
                first = -1;
            }
        }
        return new CodePoints(ranges);
    }

    private static List<Range> joined(List<Range> ranges) {
        List<Range> sorted = new ArrayList<>(ranges);
        sorted.sort(Comparator.comparingInt(Range::first));
        List<Range> joined = new ArrayList<>();
        for (Range range : sorted) {
            Range last = joined.isEmpty() ? null : joined.get(joined.size() - 1);
            if (last != null && range.first <= last.last + 1) {
                joined.set(joined.size() - 1, new Range(last.first, Math.max(last.last, range.last)));
            } else {
                joined.add(range);
            }
        }
        return joined;
    }

    CodePoints or(CodePoints other) {
        List<Range> all = new ArrayList<>(ranges);
        all.addAll(other.ranges);
        return new CodePoints(joined(all));
    }

    CodePoints and(CodePoints other) {
        List<Range> both = new ArrayList<>();
        for (Range a : ranges) {
            for (Range b : other.ranges) {
                if (a.first <= b.last && b.first <= a.last) {
                    both.add(new Range(Math.max(a.first, b.first), Math.min(a.last, b.last)));
                }
            }
        }
        return new CodePoints(both);
    }

    CodePoints complement() {
        List<Range> gaps = new ArrayList<>();
        int next = 0;
        for (Range range : ranges) {
            if (range.first > next) {
                gaps.add(new Range(next, range.first - 1));
            }
            next = range.last + 1;
        }
        if (next <= LAST) {
            gaps.add(new Range(next, LAST));
        }
        return new CodePoints(gaps).and(ALL);
    }

    CodePoints minus(CodePoints other) {
        return and(other.complement());
    }
}
