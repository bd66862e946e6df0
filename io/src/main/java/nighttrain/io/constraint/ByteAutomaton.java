package nighttrain.io.constraint;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Collection;
import java.util.HashMap;
import java.util.Map;
import java.util.TreeSet;
import org.apache.lucene.util.BytesRef;
import org.apache.lucene.util.automaton.Automata;
import org.apache.lucene.util.automaton.Automaton;
import org.apache.lucene.util.automaton.Transition;

/**
 * A minimal deterministic automaton over the bytes of UTF-8: {@code next[state * classes + classOf[byte]]} is the next state, -1 where no text has
 * that byte. State 0 is the start; an accepting state can be reached from every state.
 *
 * @param freeStates number of states, the first ones, that belong to free text before the constraint; none of them accepts
 */
@SuppressWarnings("ArrayRecordComponent") // within the package, and never modified
record ByteAutomaton(int classes, int[] classOf, int[] next, boolean[] accepting, int freeStates) {
    static ByteAutomaton ofCharacters(Automaton characters) {
        return ofBytes(Limits.determinise(Utf8.bytes(characters)));
    }

    /** Returns the automaton of some texts, none of which {@link #isLong}. */
    static ByteAutomaton ofTexts(Collection<String> texts) {
        TreeSet<BytesRef> sorted = new TreeSet<>();
        texts.forEach(text -> sorted.add(new BytesRef(text.getBytes(StandardCharsets.UTF_8))));
        return ofBytes(Automata.makeBinaryStringUnion(sorted));
    }

    /** Whether a text is too long for {@link #ofTexts}. */
    static boolean isLong(String text) {
        return text.getBytes(StandardCharsets.UTF_8).length > Automata.MAX_STRING_UNION_TERM_LENGTH;
    }

    /** Converts a deterministic automaton over bytes without dead states. */
    static ByteAutomaton ofBytes(Automaton bytes) {
        int states = bytes.getNumStates();
        if (states > Limits.BYTE_STATES) {
            throw Limits.exceeded(states + " states", "at most " + Limits.BYTE_STATES);
        }
        int[] points = bytes.getStartPoints();
        int[] classOf = new int[256];
        for (int b = 0, c = 0; b < 256; b++) {
            while (c + 1 < points.length && points[c + 1] <= b) {
                c++;
            }
            classOf[b] = c;
        }
        int[] next = new int[states * points.length];
        Arrays.fill(next, -1);
        boolean[] accepting = new boolean[states];
        Transition t = new Transition();
        for (int s = 0; s < states; s++) {
            accepting[s] = bytes.isAccept(s);
            int count = bytes.initTransition(s, t);
            for (int i = 0; i < count; i++) {
                bytes.getNextTransition(t);
                for (int c = classOf[t.min]; c <= classOf[t.max]; c++) {
                    next[s * points.length + c] = t.dest;
                }
            }
        }
        return new ByteAutomaton(points.length, classOf, next, accepting, 0)
                .minimal()
                .withFewestClasses();
    }

    int states() {
        return accepting.length;
    }

    boolean isEmpty() {
        return accepting.length == 0;
    }

    int after(int state, byte b) {
        return next[state * classes + classOf[b & 0xff]];
    }

    int after(int state, byte[] bytes) {
        int at = state;
        for (int i = 0; i < bytes.length && at >= 0; i++) {
            at = after(at, bytes[i]);
        }
        return at;
    }

    /** Concatenates this free text, which ends at its accepting state, with texts of {@code constraint}. */
    ByteAutomaton then(ByteAutomaton constraint) {
        int free = 0;
        int[] number = new int[states()];
        for (int s = 0; s < states(); s++) {
            number[s] = accepting[s] ? -1 : free++;
        }
        Map<Integer, Integer> pairs = new HashMap<>();
        int[] both = new int[256];
        for (int b = 0; b < 256; b++) {
            both[b] = pairs.computeIfAbsent(
                    classOf[b] * constraint.classes + constraint.classOf[b], pair -> pairs.size());
        }
        int width = pairs.size();
        int[] table = new int[(free + constraint.states()) * width];
        boolean[] accepts = new boolean[free + constraint.states()];
        Arrays.fill(table, -1);
        for (int b = 0; b < 256; b++) {
            for (int s = 0; s < states(); s++) {
                int to = after(s, (byte) b);
                if (number[s] >= 0 && to >= 0) {
                    table[number[s] * width + both[b]] = number[to] < 0 ? free : number[to];
                }
            }
            for (int s = 0; s < constraint.states(); s++) {
                int to = constraint.after(s, (byte) b);
                table[(free + s) * width + both[b]] = to < 0 ? -1 : free + to;
                accepts[free + s] = constraint.accepting[s];
            }
        }
        return new ByteAutomaton(width, both, table, accepts, free);
    }

    /** Adds this automaton to {@code nfa}, which reads bytes, and returns the state in which it ends. */
    int addTo(Nfa nfa, int from) {
        int to = nfa.state();
        int base = nfa.states(states());
        if (!isEmpty()) {
            nfa.empty(from, base);
        }
        for (int s = 0; s < states(); s++) {
            for (int first = 0; first < 256; ) {
                int dest = after(s, (byte) first);
                int last = first;
                while (last < 255 && after(s, (byte) (last + 1)) == dest) {
                    last++;
                }
                if (dest >= 0) {
                    nfa.arc(base + s, first, last, base + dest);
                }
                first = last + 1;
            }
            if (accepting[s]) {
                nfa.empty(base + s, to);
            }
        }
        return to;
    }

    /** Merges bytes that every state treats alike. */
    private ByteAutomaton withFewestClasses() {
        Map<Integer, Integer> merged = new HashMap<>();
        int[] newClass = new int[classes];
        int[] kept = new int[classes];
        for (int c = 0; c < classes; c++) {
            int hash = 0;
            for (int s = 0; s < states(); s++) {
                hash = hash * 31 + next[s * classes + c];
            }
            while (merged.containsKey(hash) && !sameColumn(kept[merged.get(hash)], c)) {
                hash++;
            }
            int column = c;
            newClass[c] = merged.computeIfAbsent(hash, h -> {
                kept[merged.size()] = column;
                return merged.size();
            });
        }
        int width = merged.size();
        int[] table = new int[states() * width];
        for (int s = 0; s < states(); s++) {
            for (int c = 0; c < width; c++) {
                table[s * width + c] = next[s * classes + kept[c]];
            }
        }
        int[] byByte = Arrays.stream(classOf).map(c -> newClass[c]).toArray();
        return new ByteAutomaton(width, byByte, table, accepting, freeStates);
    }

    private boolean sameColumn(int a, int b) {
        for (int s = 0; s < states(); s++) {
            if (next[s * classes + a] != next[s * classes + b]) {
                return false;
            }
        }
        return true;
    }

    /** Minimises by Hopcroft's algorithm: states that accept the same endings become one. */
    private ByteAutomaton minimal() {
        int n = states();
        if (n == 0) {
            return this;
        }
        int[] blockOf = new Partition(n, this).refined();
        // The start's block becomes state 0.
        int blocks = Arrays.stream(blockOf).max().orElse(0) + 1;
        int startBlock = blockOf[0];
        int[] number = new int[n];
        for (int s = 0; s < n; s++) {
            number[s] = blockOf[s] == startBlock ? 0 : blockOf[s] == 0 ? startBlock : blockOf[s];
        }
        int[] table = new int[blocks * classes];
        boolean[] accepts = new boolean[blocks];
        for (int s = 0; s < n; s++) {
            accepts[number[s]] = accepting[s];
            for (int c = 0; c < classes; c++) {
                int to = next[s * classes + c];
                table[number[s] * classes + c] = to < 0 ? -1 : number[to];
            }
        }
        return new ByteAutomaton(classes, classOf, table, accepts, 0);
    }

    private static final class Partition {
        private final ByteAutomaton automaton;
        private final int[] members;
        private final int[] place;
        private final int[] blockOf;
        private final int[] first;
        private final int[] end;
        private final int[] marked;
        private final int[] touched;
        private final int[] work;
        private final boolean[] inWork;
        private int blocks;
        private int workSize;

        Partition(int n, ByteAutomaton automaton) {
            this.automaton = automaton;
            members = new int[n];
            place = new int[n];
            blockOf = new int[n];
            first = new int[n];
            end = new int[n];
            marked = new int[n];
            touched = new int[n];
            work = new int[n];
            inWork = new boolean[n];
        }

        int[] refined() {
            int n = members.length;
            int low = 0;
            int high = n;
            for (int s = 0; s < n; s++) {
                int at = automaton.accepting[s] ? low++ : --high;
                members[at] = s;
                place[s] = at;
            }
            for (int[] range : new int[][] {{0, low}, {low, n}}) {
                if (range[0] < range[1]) {
                    first[blocks] = range[0];
                    end[blocks] = range[1];
                    for (int i = range[0]; i < range[1]; i++) {
                        blockOf[members[i]] = blocks;
                    }
                    queue(blocks++);
                }
            }
            int[][] before = predecessors();
            while (workSize > 0) {
                int block = work[--workSize];
                inWork[block] = false;
                int[] splitter = Arrays.copyOfRange(members, first[block], end[block]);
                for (int c = 0; c < automaton.classes; c++) {
                    split(splitter, c, before);
                }
            }
            return blockOf;
        }

        /** Returns the states that lead to each state by each class: row 0 holds, by state and class, where they begin in row 1. */
        private int[][] predecessors() {
            int n = members.length;
            int classes = automaton.classes;
            int[] begin = new int[n * classes + 1];
            int arcs = 0;
            for (int i = 0; i < automaton.next.length; i++) {
                int to = automaton.next[i];
                if (to >= 0) {
                    begin[to * classes + i % classes + 1]++;
                    arcs++;
                }
            }
            for (int i = 0; i < n * classes; i++) {
                begin[i + 1] += begin[i];
            }
            int[] at = Arrays.copyOf(begin, n * classes);
            int[] from = new int[arcs];
            for (int i = 0; i < automaton.next.length; i++) {
                int to = automaton.next[i];
                if (to >= 0) {
                    from[at[to * classes + i % classes]++] = i / classes;
                }
            }
            return new int[][] {begin, from};
        }

        private void split(int[] splitter, int c, int[][] before) {
            int count = 0;
            for (int s : splitter) {
                int row = s * automaton.classes + c;
                for (int i = before[0][row]; i < before[0][row + 1]; i++) {
                    int from = before[1][i];
                    int block = blockOf[from];
                    if (marked[block] == 0) {
                        touched[count++] = block;
                    }
                    swap(from, first[block] + marked[block]++);
                }
            }
            for (int i = 0; i < count; i++) {
                int block = touched[i];
                int cut = first[block] + marked[block];
                marked[block] = 0;
                if (cut < end[block]) {
                    cut(block, cut);
                }
            }
        }

        private void swap(int state, int to) {
            int at = place[state];
            int other = members[to];
            members[to] = state;
            place[state] = to;
            members[at] = other;
            place[other] = at;
        }

        /** Makes the smaller part a block of its own. */
        private void cut(int block, int cut) {
            int part = blocks++;
            if (cut - first[block] <= end[block] - cut) {
                first[part] = first[block];
                end[part] = cut;
                first[block] = cut;
            } else {
                first[part] = cut;
                end[part] = end[block];
                end[block] = cut;
            }
            for (int i = first[part]; i < end[part]; i++) {
                blockOf[members[i]] = part;
            }
            queue(part);
        }

        private void queue(int block) {
            if (!inWork[block]) {
                inWork[block] = true;
                work[workSize++] = block;
            }
        }
    }
}
