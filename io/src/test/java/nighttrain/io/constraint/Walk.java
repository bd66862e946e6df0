package nighttrain.io.constraint;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import nighttrain.io.text.Tokenizer;

/** Generates random texts under an automaton; all allowed tokens are equally likely. */
final class Walk {
    private Walk() {}

    /** Returns a text of at most {@code most} tokens, without the end token. */
    static int[] tokens(TokenAutomaton automaton, Tokenizer tokenizer, int most, Random random) {
        List<Integer> tokens = new ArrayList<>();
        int state = TokenAutomaton.START;
        for (int remaining = most; remaining > 0; remaining--) {
            int[] allowed = allowed(automaton, state, remaining);
            if (allowed.length == 0) {
                throw new AssertionError("no token may come after " + tokens + " with " + remaining + " left");
            }
            int token = allowed[random.nextInt(allowed.length)];
            if (tokenizer.endTokens().contains(token)) {
                break;
            }
            tokens.add(token);
            state = automaton.after(state, token);
        }
        if (!automaton.isAccepting(state)) {
            throw new AssertionError("the text is not complete: " + tokens);
        }
        return tokens.stream().mapToInt(Integer::intValue).toArray();
    }

    static int[] allowed(TokenAutomaton automaton, int state, int remaining) {
        int[] allowed = new int[automaton.classOf().length];
        int n = 0;
        for (int token = 0; token < allowed.length; token++) {
            if (automaton.allows(state, token, remaining)) {
                allowed[n++] = token;
            }
        }
        return java.util.Arrays.copyOf(allowed, n);
    }

    /** Returns a random length; half of the lengths are near the minimum. */
    static int length(TokenAutomaton automaton, Random random) {
        int least = Math.max(1, automaton.fewestTokens()[TokenAutomaton.START]);
        return least + random.nextInt(random.nextBoolean() ? 3 : 60);
    }
}
