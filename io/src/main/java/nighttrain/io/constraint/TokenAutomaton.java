package nighttrain.io.constraint;

/**
 * The tokens that are allowed next, and the state after each: a deterministic automaton over classes of tokens that every state treats alike. State 0
 * is the start. Tokens beyond the vocabulary are never allowed.
 *
 * @param classes number of token classes; class 0 holds the tokens that are never allowed, class 1 the end tokens, which are allowed in accepting
 *     states and do not change the state
 * @param classOf the class of each token, {@code [vocabulary]}
 * @param next the state after a token of a class, {@code [states * classes]}; {@link #REFUSED} where it is not allowed
 * @param fewestTokens least number of tokens from each state to an accepting one, {@code [states]}; 0 in accepting states
 */
@SuppressWarnings("ArrayRecordComponent") // devices copy the tables as they are; nothing modifies them
public record TokenAutomaton(int classes, int[] classOf, int[] next, int[] fewestTokens) {
    /** In the place of a state: the token is not allowed. */
    public static final int REFUSED = -1;

    /** The class of end tokens. */
    public static final int END_CLASS = 1;

    /** The state in which every text begins. */
    public static final int START = 0;

    public int states() {
        return fewestTokens.length;
    }

    /** Memory of its tables, in bytes. */
    public long bytes() {
        return Integer.BYTES * ((long) classOf.length + next.length + fewestTokens.length);
    }

    /** Whether a text may end in {@code state}. */
    public boolean isAccepting(int state) {
        return fewestTokens[state] == 0;
    }

    /** Returns the state after {@code token}; {@link #REFUSED} where it is not allowed. */
    public int after(int state, int token) {
        return token < classOf.length ? next[state * classes + classOf[token]] : REFUSED;
    }

    /** Whether {@code token} is allowed where {@code remaining} tokens are left, itself included: the text must still be able to end. */
    public boolean allows(int state, int token, int remaining) {
        int after = after(state, token);
        return after != REFUSED && fewestTokens[after] < remaining;
    }
}
