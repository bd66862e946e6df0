package nighttrain.io.constraint;

/**
 * Which tokens may come next, and what follows a token: a deterministic automaton whose letters are classes of tokens that no state
 * tells apart. State 0 is the start. Tokens past the end of the vocabulary never may come.
 *
 * @param classes how many classes of tokens there are; class 0 holds the tokens that never may come, class 1 the end tokens, which
 *     may come in accepting states and leave them
 * @param classOf the class of each token, {@code [vocabulary]}
 * @param next the state after a token of a class, {@code [states * classes]}; {@link #REFUSED} where it may not come
 * @param fewestTokens tokens from each state to an accepting one, at least, {@code [states]}; 0 in accepting states
 */
@SuppressWarnings("ArrayRecordComponent") // devices copy the tables as they are; nobody writes to them
public record TokenAutomaton(int classes, int[] classOf, int[] next, int[] fewestTokens) {
    /** In the place of a state: the token may not come. */
    public static final int REFUSED = -1;

    /** The class of end tokens. */
    public static final int END_CLASS = 1;

    /** The state in which every text begins. */
    public static final int START = 0;

    public int states() {
        return fewestTokens.length;
    }

    /** Memory of its tables. */
    public long bytes() {
        return Integer.BYTES * ((long) classOf.length + next.length + fewestTokens.length);
    }

    /** Whether a text may end in {@code state}. */
    public boolean isAccepting(int state) {
        return fewestTokens[state] == 0;
    }

    /** The state after {@code token}; {@link #REFUSED} where it may not come. */
    public int after(int state, int token) {
        return token < classOf.length ? next[state * classes + classOf[token]] : REFUSED;
    }

    /** Whether {@code token} may come where {@code remaining} tokens may, itself included: a text must still be able to end. */
    public boolean allows(int state, int token, int remaining) {
        int after = after(state, token);
        return after != REFUSED && fewestTokens[after] < remaining;
    }
}
