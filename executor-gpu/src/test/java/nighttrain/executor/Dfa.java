package nighttrain.executor;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Random;
import java.util.stream.Collectors;
import nighttrain.io.constraint.TokenAutomaton;

/** A plain deterministic automaton over tokens, which tests build by hand and check texts against. */
public final class Dfa {
    private final int[][] next;
    private final boolean[] accepting;
    private final int end;
    private final int[] fewest;

    /**
     * @param next the state after each token, {@code [states][tokens]}; -1 where the token is not allowed
     * @param accepting whether a text may end in a state
     * @param end the end token
     */
    public Dfa(int[][] next, boolean[] accepting, int end) {
        this.next = next;
        this.accepting = accepting;
        this.end = end;
        this.fewest = distances();
    }

    public int states() {
        return next.length;
    }

    public int end() {
        return end;
    }

    /** Returns the state after {@code token}; -1 where it is not allowed or ends the text. */
    public int after(int state, int token) {
        return token < next[state].length ? next[state][token] : -1;
    }

    /** Accepts texts of {@code atLeast} to {@code most} tokens, all from {@code from .. to - 1}. */
    public static Dfa lengths(int tokens, int from, int to, int atLeast, int most, int end) {
        int[][] next = new int[most + 1][tokens];
        boolean[] accepting = new boolean[most + 1];
        for (int state = 0; state <= most; state++) {
            Arrays.fill(next[state], -1);
            for (int token = from; token < to && state < most; token++) {
                next[state][token] = state + 1;
            }
            accepting[state] = state >= atLeast;
        }
        return new Dfa(next, accepting, end);
    }

    /** Accepts exactly these texts, none of which contains the end token. */
    public static Dfa choices(int tokens, int end, int[]... texts) {
        Map<String, Integer> states = new LinkedHashMap<>();
        states.put("[]", 0);
        for (int[] text : texts) {
            for (int length = 1; length <= text.length; length++) {
                states.putIfAbsent(Arrays.toString(Arrays.copyOf(text, length)), states.size());
            }
        }
        int[][] next = new int[states.size()][tokens];
        Arrays.stream(next).forEach(row -> Arrays.fill(row, -1));
        boolean[] accepting = new boolean[states.size()];
        for (int[] text : texts) {
            for (int length = 0; length < text.length; length++) {
                int state = states.get(Arrays.toString(Arrays.copyOf(text, length)));
                next[state][text[length]] = states.get(Arrays.toString(Arrays.copyOf(text, length + 1)));
            }
            accepting[states.get(Arrays.toString(text))] = true;
        }
        return new Dfa(next, accepting, end);
    }

    /** Returns a random automaton. Its last state accepts and is reachable from every state; the tokens fall into few classes. */
    public static Dfa random(Random random, int states, int tokens, int end) {
        int[] kind = random.ints(tokens, 0, 12).toArray();
        int[][] ofKind = new int[states][12];
        for (int state = 0; state < states; state++) {
            for (int k = 0; k < 12; k++) {
                ofKind[state][k] = random.nextInt(3) == 0 ? random.nextInt(states) : -1;
            }
            ofKind[state][kind[state % tokens == end ? (end + 1) % tokens : state % tokens]] =
                    Math.min(state + 1, states - 1);
        }
        boolean[] accepting = new boolean[states];
        int[][] next = new int[states][tokens];
        for (int state = 0; state < states; state++) {
            for (int token = 0; token < tokens; token++) {
                next[state][token] = token == end ? -1 : ofKind[state][kind[token]];
            }
            accepting[state] = state == states - 1 || random.nextInt(5) == 0;
        }
        return new Dfa(next, accepting, end);
    }

    /** Returns whether these tokens, without an end token, are a complete text. */
    public boolean accepts(int[] text) {
        int state = stateAfter(text);
        return state >= 0 && accepting[state];
    }

    /** Returns the state after these tokens; -1 where they are not allowed. */
    public int stateAfter(int... text) {
        int state = 0;
        for (int token : text) {
            state = state < 0 ? -1 : after(state, token);
        }
        return state;
    }

    /** Returns the fewest tokens from {@code state} to an accepting state; a large number where none is reachable. */
    public int fewest(int state) {
        return fewest[state];
    }

    private int[] distances() {
        int[] distances = new int[next.length];
        for (int state = 0; state < distances.length; state++) {
            distances[state] = accepting[state] ? 0 : Integer.MAX_VALUE;
        }
        for (boolean changed = true; changed; ) {
            changed = false;
            for (int state = 0; state < distances.length; state++) {
                for (int after : next[state]) {
                    if (after >= 0 && distances[after] < distances[state] - 1) {
                        distances[state] = distances[after] + 1;
                        changed = true;
                    }
                }
            }
        }
        return distances;
    }

    /** Returns whether {@code token} is allowed in {@code state} where {@code remaining} tokens are left, this one included. */
    public boolean allows(int state, int token, int remaining, boolean ignoreEnd) {
        return token == end
                ? accepting[state] && remaining > 0 && !(ignoreEnd && goesOn(state, remaining))
                : after(state, token) >= 0 && fewest[after(state, token)] <= remaining - 1;
    }

    /** Returns whether any token but the end token is allowed. */
    public boolean goesOn(int state, int remaining) {
        for (int token = 0; token < next[state].length; token++) {
            if (token != end && allows(state, token, remaining, false)) {
                return true;
            }
        }
        return false;
    }

    public boolean isAccepting(int state) {
        return accepting[state];
    }

    /** Converts this automaton to the form that engines take: tokens with equal columns form a class. */
    public TokenAutomaton automaton() {
        int tokens = next[0].length;
        Map<String, Integer> classes = new LinkedHashMap<>();
        classes.put("never", 0);
        classes.put("end", TokenAutomaton.END_CLASS);
        int[] classOf = new int[tokens];
        for (int token = 0; token < tokens; token++) {
            int column = token;
            boolean never = Arrays.stream(next).allMatch(row -> row[column] < 0);
            String key =
                    Arrays.stream(next).map(row -> String.valueOf(row[column])).collect(Collectors.joining(","));
            classOf[token] = token == end
                    ? TokenAutomaton.END_CLASS
                    : never ? 0 : classes.computeIfAbsent(key, k -> classes.size());
        }
        int[] table = new int[next.length * classes.size()];
        Arrays.fill(table, TokenAutomaton.REFUSED);
        for (int state = 0; state < next.length; state++) {
            for (int token = 0; token < tokens; token++) {
                if (classOf[token] > TokenAutomaton.END_CLASS) {
                    table[state * classes.size() + classOf[token]] = next[state][token];
                }
            }
            if (accepting[state]) {
                table[state * classes.size() + TokenAutomaton.END_CLASS] = state;
            }
        }
        return new TokenAutomaton(classes.size(), classOf, table, fewest);
    }
}
