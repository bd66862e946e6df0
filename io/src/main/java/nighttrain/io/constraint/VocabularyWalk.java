package nighttrain.io.constraint;

import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import nighttrain.io.UserError;
import nighttrain.io.text.Vocabulary;

/**
 * Converts a byte automaton and a vocabulary into a {@link TokenAutomaton}.
 *
 * <p>A sequence of bytes is a function from states to states, stored as pairs for the states that allow the bytes. Tokens are walked in the order of
 * their bytes, as in a trie, and equal functions are stored once: within a JSON text "hello" and "world" are the same function, so a letter is tried
 * once in every state, not once for every token. Tokens with equal functions form one class.
 */
final class VocabularyWalk {
    private static final int NOTHING = 0;
    private static final int EVERYTHING = 1;
    private static final byte[] NO_NAME = {};

    private final ByteAutomaton bytes;
    private final Vocabulary vocabulary;
    /** Names of special tokens; empty where the text after which the constraint begins does not contain the name. */
    private final Map<Integer, byte[]> special;

    /** Functions: state, state after it, state, state after it, ... */
    private final List<int[]> functions = new ArrayList<>();

    private final List<int[]> steps = new ArrayList<>();
    private final Map<Pairs, Integer> numbers = new HashMap<>();
    private long size;

    /** States before any text is written: the first token with text may write less there. They are numbered after the bytes' states. */
    private final List<Integer> firstStates = new ArrayList<>();

    private VocabularyWalk(ByteAutomaton bytes, String mark, Vocabulary vocabulary) {
        this.bytes = bytes;
        this.vocabulary = vocabulary;
        this.special = new TreeMap<>(vocabulary.special());
        special.replaceAll((token, name) -> mark.contains(new String(name, StandardCharsets.UTF_8)) ? name : NO_NAME);
    }

    /** Returns the automaton of tokens; {@code mark}: the text after which the constraint begins, empty if all text is constrained. */
    static TokenAutomaton of(ByteAutomaton bytes, String mark, Vocabulary vocabulary) {
        return new VocabularyWalk(bytes, mark, vocabulary).automaton();
    }

    private record Pairs(int[] pairs) {
        @Override
        public boolean equals(Object other) {
            return other instanceof Pairs that && Arrays.equals(pairs, that.pairs);
        }

        @Override
        public int hashCode() {
            return Arrays.hashCode(pairs);
        }
    }

    private int number(int[] pairs) {
        return numbers.computeIfAbsent(new Pairs(pairs), key -> {
            size += pairs.length / 2 + bytes.classes() / 2;
            if (size > Limits.PAIRS) {
                throw Limits.exceeded(
                        "tokens connect over " + Limits.PAIRS + " pairs of states", "at most " + Limits.PAIRS);
            }
            functions.add(pairs);
            steps.add(null);
            return functions.size() - 1;
        });
    }

    private TokenAutomaton automaton() {
        number(new int[0]);
        int[] same = new int[2 * bytes.states()];
        for (int s = 0; s < bytes.states(); s++) {
            same[2 * s] = s;
            same[2 * s + 1] = s;
        }
        number(same);
        int[] function = new int[vocabulary.size()];
        walk(function);
        specialTokens(function);
        int[] group = function;
        List<int[]> afterFirst = new ArrayList<>();
        for (int i = 0; i < firstStates.size(); i++) {
            int[] after = afterFirst(i);
            afterFirst.add(after);
            group = together(group, after);
        }
        return new Table(group, function, afterFirst).automaton();
    }

    /** Computes the function of every token that is text. */
    private void walk(int[] function) {
        int[] prefixes = new int[vocabulary.longest() + 1];
        prefixes[0] = EVERYTHING;
        int dead = Integer.MAX_VALUE; // a token that shares this many bytes with the previous one is allowed nowhere,
        // either
        for (int i = 0; i < vocabulary.texts(); i++) {
            int at = vocabulary.sharedWithPrevious(i);
            if (at >= dead) {
                continue;
            }
            int token = vocabulary.inOrder(i);
            byte[] text = vocabulary.bytes(token);
            dead = Integer.MAX_VALUE;
            while (at < text.length && dead == Integer.MAX_VALUE) {
                prefixes[at + 1] = step(prefixes[at], bytes.classOf()[text[at] & 0xff]);
                at++;
                dead = prefixes[at] == NOTHING ? at : dead;
            }
            function[token] = dead == Integer.MAX_VALUE ? prefixes[text.length] : NOTHING;
        }
    }

    private int step(int function, int byteClass) {
        if (function == NOTHING) {
            return NOTHING;
        }
        int[] row = steps.get(function);
        if (row == null) {
            row = new int[bytes.classes()];
            Arrays.fill(row, -1);
            steps.set(function, row);
        }
        if (row[byteClass] < 0) {
            int[] pairs = functions.get(function);
            int[] after = new int[pairs.length];
            int n = 0;
            for (int i = 0; i < pairs.length; i += 2) {
                int to = bytes.next()[pairs[i + 1] * bytes.classes() + byteClass];
                if (to >= 0) {
                    after[n++] = pairs[i];
                    after[n++] = to;
                }
            }
            row[byteClass] = number(Arrays.copyOf(after, n));
        }
        return row[byteClass];
    }

    /**
     * Computes the functions of special tokens, which are allowed in free text only, between characters. They write no text, but the names of those
     * in the text after which the constraint begins are matched against it. Also finds the states before any text is written.
     */
    private void specialTokens(int[] function) {
        if (vocabulary.firstIsSpecial()) {
            firstStates.add(0);
        }
        special.forEach((token, content) -> {
            int[] pairs = new int[2 * bytes.freeStates()];
            int n = 0;
            for (int s = 0; s < bytes.freeStates(); s++) {
                int to = afterSpecial(s, content);
                if (to >= 0) {
                    pairs[n++] = s;
                    pairs[n++] = to;
                }
            }
            function[token] = number(Arrays.copyOf(pairs, n));
        });
        for (int i = 0; i < firstStates.size() && bytes.freeStates() > 0; i++) {
            int base = firstStates.get(i);
            special.values().forEach(content -> {
                int to = base < bytes.freeStates() ? afterSpecial(base, content) : -1;
                if (to >= 0 && !firstStates.contains(to)) {
                    firstStates.add(to);
                }
            });
        }
    }

    /** Returns -1 within a character, which the token would cut off. */
    private int afterSpecial(int freeState, byte[] content) {
        if (bytes.after(freeState, (byte) 'a') < 0) {
            return -1;
        }
        int to = content.length == 0 ? freeState : bytes.after(freeState, content);
        boolean reads = to >= 0 && to <= bytes.freeStates();
        return reads ? to : freeState;
    }

    /** Returns the state after each token where it is the first. */
    private int[] afterFirst(int index) {
        int base = firstStates.get(index);
        int[] after = new int[vocabulary.size()];
        Arrays.fill(after, -1);
        for (int i = 0; i < vocabulary.texts(); i++) {
            int token = vocabulary.inOrder(i);
            after[token] = bytes.after(base, vocabulary.firstBytes(token));
        }
        special.forEach((token, content) -> {
            int to = base < bytes.freeStates() ? afterSpecial(base, content) : -1;
            after[token] = to < 0 ? -1 : bytes.states() + firstStates.indexOf(to);
        });
        return after;
    }

    /** Numbers the pairs of two groupings. */
    private static int[] together(int[] a, int[] b) {
        Map<Long, Integer> pairs = new HashMap<>();
        int[] both = new int[a.length];
        for (int i = 0; i < a.length; i++) {
            both[i] = pairs.computeIfAbsent(((long) a[i] << 32) | (b[i] & 0xFFFFFFFFL), pair -> pairs.size());
        }
        return both;
    }

    /** Builds the table: the states that tokens reach and leave, and one class for tokens that act alike in these. */
    private final class Table {
        private final int[] group;
        private final int[] representative;
        private final int[] function;
        private final List<int[]> afterFirst;
        private final int states = bytes.states() + firstStates.size();
        private final int start = firstStates.isEmpty() ? 0 : bytes.states();
        private int[] from;
        private int[] to;
        private int arcs;

        Table(int[] group, int[] function, List<int[]> afterFirst) {
            this.group = group;
            this.function = function;
            this.afterFirst = afterFirst;
            representative = new int[Arrays.stream(group).max().orElse(0) + 1];
            Arrays.fill(representative, -1);
            for (int token = 0; token < group.length; token++) {
                representative[group[token]] = token;
            }
        }

        /** Returns all pairs of a token: those of its function and those of first states. */
        private int[] pairs(int token) {
            int[] own = functions.get(function[token]);
            int[] all = Arrays.copyOf(own, own.length + 2 * afterFirst.size());
            int n = own.length;
            for (int i = 0; i < afterFirst.size(); i++) {
                if (afterFirst.get(i)[token] >= 0) {
                    all[n++] = bytes.states() + i;
                    all[n++] = afterFirst.get(i)[token];
                }
            }
            return Arrays.copyOf(all, n);
        }

        TokenAutomaton automaton() {
            int total = 0;
            for (int token : representative) {
                total += token < 0 ? 0 : pairs(token).length / 2;
            }
            from = new int[total];
            to = new int[total];
            for (int token : representative) {
                int[] pairs = token < 0 ? new int[0] : pairs(token);
                for (int i = 0; i < pairs.length; i += 2) {
                    from[arcs] = pairs[i];
                    to[arcs++] = pairs[i + 1];
                }
            }
            int[] fewest = fewestTokens();
            if (fewest[start] < 0) {
                throw UserError.of(
                        "constraint that no text satisfies",
                        "none of its texts can be made of tokens",
                        "the tokenizer has " + vocabulary.texts()
                                + " tokens with text; use another constraint or model");
            }
            int[] numbers = reached(fewest);
            return table(fewest, numbers);
        }

        /** Returns the least number of tokens to an accepting state, -1 where there is no way. */
        private int[] fewestTokens() {
            int[] fewest = new int[states];
            Arrays.fill(fewest, -1);
            Deque<Integer> open = new ArrayDeque<>();
            for (int s = 0; s < states; s++) {
                if (accepts(s)) {
                    fewest[s] = 0;
                    open.add(s);
                }
            }
            int[][] before = bySource(to, from);
            while (!open.isEmpty()) {
                int s = open.remove();
                for (int i = before[0][s]; i < before[0][s + 1]; i++) {
                    int earlier = before[1][i];
                    if (fewest[earlier] < 0) {
                        fewest[earlier] = fewest[s] + 1;
                        open.add(earlier);
                    }
                }
            }
            return fewest;
        }

        private boolean accepts(int state) {
            return bytes.accepting()[state < bytes.states() ? state : firstStates.get(state - bytes.states())];
        }

        private int[][] bySource(int[] source, int[] target) {
            int[] begin = new int[states + 1];
            for (int s : source) {
                begin[s + 1]++;
            }
            for (int s = 0; s < states; s++) {
                begin[s + 1] += begin[s];
            }
            int[] at = Arrays.copyOf(begin, states);
            int[] targets = new int[source.length];
            for (int i = 0; i < source.length; i++) {
                targets[at[source[i]]++] = target[i];
            }
            return new int[][] {begin, targets};
        }

        /** Returns new numbers of the states that a text passes through, -1 for the others. */
        private int[] reached(int[] fewest) {
            int[] numbers = new int[states];
            Arrays.fill(numbers, -1);
            int count = 0;
            Deque<Integer> open = new ArrayDeque<>();
            numbers[start] = count++;
            open.add(start);
            int[][] after = bySource(from, to);
            while (!open.isEmpty()) {
                int s = open.remove();
                for (int i = after[0][s]; i < after[0][s + 1]; i++) {
                    int next = after[1][i];
                    if (fewest[next] >= 0 && numbers[next] < 0) {
                        numbers[next] = count++;
                        open.add(next);
                    }
                }
            }
            return numbers;
        }

        private TokenAutomaton table(int[] fewest, int[] numbers) {
            Map<Pairs, Integer> classes = new HashMap<>();
            int[] classOfGroup = new int[representative.length];
            List<int[]> rows = new ArrayList<>();
            for (int g = 0; g < representative.length; g++) {
                int[] pairs = representative[g] < 0 ? new int[0] : renumbered(pairs(representative[g]), numbers);
                if (pairs.length > 0) {
                    classOfGroup[g] = classes.computeIfAbsent(new Pairs(pairs), key -> {
                        rows.add(pairs);
                        return rows.size() + TokenAutomaton.END_CLASS;
                    });
                }
            }
            int count = (int) Arrays.stream(numbers).filter(n -> n >= 0).count();
            int width = rows.size() + 2;
            if ((long) count * width > Limits.TABLE) {
                throw Limits.exceeded(
                        count + " states of " + width + " classes of tokens", "at most " + Limits.TABLE + " entries");
            }
            int[] next = new int[count * width];
            Arrays.fill(next, TokenAutomaton.REFUSED);
            for (int c = 0; c < rows.size(); c++) {
                int[] pairs = rows.get(c);
                for (int i = 0; i < pairs.length; i += 2) {
                    next[pairs[i] * width + c + 2] = pairs[i + 1];
                }
            }
            int[] left = new int[count];
            for (int s = 0; s < states; s++) {
                if (numbers[s] >= 0) {
                    left[numbers[s]] = fewest[s];
                    if (fewest[s] == 0) {
                        next[numbers[s] * width + TokenAutomaton.END_CLASS] = numbers[s];
                    }
                }
            }
            int[] classOf = new int[group.length];
            for (int token = 0; token < group.length; token++) {
                classOf[token] = vocabulary.isEnd(token) ? TokenAutomaton.END_CLASS : classOfGroup[group[token]];
            }
            return new TokenAutomaton(width, classOf, next, left);
        }

        private static int[] renumbered(int[] pairs, int[] numbers) {
            int n = 0;
            for (int i = 0; i < pairs.length; i += 2) {
                if (numbers[pairs[i]] >= 0 && numbers[pairs[i + 1]] >= 0) {
                    pairs[n++] = numbers[pairs[i]];
                    pairs[n++] = numbers[pairs[i + 1]];
                }
            }
            return Arrays.copyOf(pairs, n);
        }
    }
}
