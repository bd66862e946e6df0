package nighttrain.executor.step;

import nighttrain.executor.request.GenerationRequest.TokenConstraint;
import nighttrain.io.constraint.TokenAutomaton;

/**
 * The tokens that a sample may choose: those that the automaton allows in a state.
 *
 * @param constraint the request's constraint
 * @param state the automaton's state before the token; or {@link Batch#sampledBefore}, if the device derives the state from the token of that sample
 * @param remaining tokens that the output may still have, this one included
 */
public record SampleMask(TokenConstraint constraint, int state, int remaining) {
    /**
     * Returns which classes of tokens are allowed in {@code state}.
     *
     * @param ignoreEnd whether end tokens are allowed only if no other token is
     */
    public static boolean[] allowed(TokenAutomaton automaton, int state, int remaining, boolean ignoreEnd) {
        boolean[] allowed = new boolean[automaton.classes()];
        boolean others = false;
        int row = state * automaton.classes();
        for (int c = 0; c < allowed.length; c++) {
            int after = automaton.next()[row + c];
            allowed[c] = after != TokenAutomaton.REFUSED && automaton.fewestTokens()[after] < remaining;
            others |= allowed[c] && c != TokenAutomaton.END_CLASS;
        }
        allowed[TokenAutomaton.END_CLASS] &= !ignoreEnd || !others;
        return allowed;
    }

    /** Returns whether a text in {@code state} is complete: it may end, and no other token is allowed. */
    public static boolean isComplete(TokenAutomaton automaton, int state, int remaining) {
        if (!automaton.isAccepting(state)) {
            return false;
        }
        int row = state * automaton.classes();
        for (int c = TokenAutomaton.END_CLASS + 1; c < automaton.classes(); c++) {
            int after = automaton.next()[row + c];
            if (after != TokenAutomaton.REFUSED && automaton.fewestTokens()[after] < remaining) {
                return false;
            }
        }
        return true;
    }
}
