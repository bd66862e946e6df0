package nighttrain.io.constraint;

import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Deque;
import org.apache.lucene.util.automaton.Automaton;
import org.apache.lucene.util.automaton.Operations;
import org.apache.lucene.util.automaton.Transition;

/**
 * An automaton over characters under construction: states, arcs for ranges of characters, and arcs that read nothing. Parts are added from left to
 * right: a part begins in a given state and returns the state in which it ends.
 */
final class Nfa {
    /** Limits memory while an automaton is built: two orders of magnitude above a schema of 50 properties. */
    private static final int MAX_STATES = 1 << 18;

    private int states;
    private int[] arcs = new int[256]; // from, first, last, to
    private int arcCount;
    private int[] empties = new int[64]; // from, to
    private int emptyCount;

    int state() {
        if (states == MAX_STATES) {
            throw Limits.exceeded("over " + MAX_STATES + " states", "at most " + MAX_STATES + " while it is built");
        }
        return states++;
    }

    void arc(int from, int first, int last, int to) {
        if (arcCount == arcs.length) {
            arcs = Arrays.copyOf(arcs, arcs.length * 2);
        }
        arcs[arcCount++] = from;
        arcs[arcCount++] = first;
        arcs[arcCount++] = last;
        arcs[arcCount++] = to;
    }

    void empty(int from, int to) {
        if (emptyCount == empties.length) {
            empties = Arrays.copyOf(empties, empties.length * 2);
        }
        empties[emptyCount++] = from;
        empties[emptyCount++] = to;
    }

    int text(int from, String text) {
        int at = from;
        for (int c : text.codePoints().toArray()) {
            at = oneOf(at, CodePoints.of(c, c)); // an unpaired surrogate cannot be written
        }
        return at;
    }

    int oneOf(int from, CodePoints set) {
        int to = state();
        oneOf(from, set, to);
        return to;
    }

    void oneOf(int from, CodePoints set, int to) {
        set.ranges().forEach(range -> arc(from, range.first(), range.last(), to));
    }

    /** Adds a whole automaton as a part. */
    int automaton(int from, Automaton part) {
        int to = state();
        int base = states(part.getNumStates());
        if (part.getNumStates() > 0) {
            empty(from, base);
        }
        Transition t = new Transition();
        for (int s = 0; s < part.getNumStates(); s++) {
            int count = part.initTransition(s, t);
            for (int i = 0; i < count; i++) {
                part.getNextTransition(t);
                arc(base + s, t.min, t.max, base + t.dest);
            }
            if (part.isAccept(s)) {
                empty(base + s, to);
            }
        }
        return to;
    }

    /** Adds {@code count} states and returns the first. */
    int states(int count) {
        int first = states;
        for (int i = 0; i < count; i++) {
            state();
        }
        return first;
    }

    /** Returns the automaton of the texts read between two states, without arcs that read nothing; it is not yet deterministic. */
    Automaton toAutomaton(int start, int end) {
        int[] arcsFrom = offsets(arcs, arcCount, 4);
        int[] arcOrder = order(arcs, arcCount, 4, arcsFrom);
        int[] emptiesFrom = offsets(empties, emptyCount, 2);
        int[] emptyOrder = order(empties, emptyCount, 2, emptiesFrom);
        Automaton.Builder built = new Automaton.Builder();
        int[] number = new int[states];
        Arrays.fill(number, -1);
        Deque<Integer> open = new ArrayDeque<>();
        number[start] = built.createState();
        open.add(start);
        int[] seenFrom = new int[states];
        Arrays.fill(seenFrom, -1);
        int[] stack = new int[states];
        while (!open.isEmpty()) {
            int from = open.remove();
            seenFrom[from] = from;
            int depth = 0;
            stack[depth++] = from;
            while (depth > 0) {
                int s = stack[--depth];
                if (s == end) {
                    built.setAccept(number[from], true);
                }
                for (int i = emptiesFrom[s]; i < emptiesFrom[s + 1]; i++) {
                    int to = empties[emptyOrder[i] + 1];
                    if (seenFrom[to] != from) {
                        seenFrom[to] = from;
                        stack[depth++] = to;
                    }
                }
                for (int i = arcsFrom[s]; i < arcsFrom[s + 1]; i++) {
                    int arc = arcOrder[i];
                    int to = arcs[arc + 3];
                    if (number[to] < 0) {
                        number[to] = built.createState();
                        open.add(to);
                    }
                    built.addTransition(number[from], number[to], arcs[arc + 1], arcs[arc + 2]);
                }
            }
        }
        return Operations.removeDeadStates(built.finish());
    }

    private int[] offsets(int[] table, int count, int width) {
        int[] offsets = new int[states + 1];
        for (int i = 0; i < count; i += width) {
            offsets[table[i] + 1]++;
        }
        for (int s = 0; s < states; s++) {
            offsets[s + 1] += offsets[s];
        }
        return offsets;
    }

    private int[] order(int[] table, int count, int width, int[] offsets) {
        int[] next = Arrays.copyOf(offsets, states);
        int[] order = new int[count / width];
        for (int i = 0; i < count; i += width) {
            order[next[table[i]]++] = i;
        }
        return order;
    }
}
