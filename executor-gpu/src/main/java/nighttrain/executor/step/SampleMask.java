package nighttrain.executor.step;

import nighttrain.executor.request.GenerationRequest.TokenConstraint;
import nighttrain.io.constraint.TokenAutomaton;

/**
 * Which tokens a sample may choose: those that the automaton allows in a state.
 *
 * @param constraint the request's
 * @param state the automaton's state before the token; or {@link Batch#sampledBefore}: the state that the token of that sample leads to,
 *     which the device finds out
 * @param remaining tokens that may still come, this one included
 */
public record SampleMask(TokenConstraint constraint, int state, int remaining) {
    /**
     * The classes whose tokens may come in {@code state}.
     *
     * @param ignoreEnd whether end tokens may come only where nothing else may
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

    /** Whether a text in {@code state} is complete: it may end, and nothing else may come. */
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
