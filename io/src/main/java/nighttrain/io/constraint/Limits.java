package nighttrain.io.constraint;

import java.util.function.Supplier;
import nighttrain.io.UserError;
import org.apache.lucene.util.automaton.Automaton;
import org.apache.lucene.util.automaton.Operations;
import org.apache.lucene.util.automaton.TooComplexToDeterminizeException;

/**
 * Limits on the cost of a constraint. They count work and entries, not seconds, so that the driver and every executor refuse the same constraints.
 */
final class Limits {
    /** Most work of one determinisation, in Lucene's units of ten visited states: about a second. */
    private static final int DETERMINISE = 100_000;

    /** Most states of an automaton over bytes. */
    static final int BYTE_STATES = 1 << 16;

    /** Most pairs of states that tokens and their prefixes connect: 8 bytes each while compiling. */
    static final int PAIRS = 1 << 23;

    /** Most entries of the finished table, 4 bytes each; every device holds the table. */
    static final int TABLE = 1 << 24;

    /** Most cases of a schema. Each case has some states, so fewer cases fit a finished automaton. */
    private static final long CASES = 1 << 16;

    /** Most pairs of states of an intersection. */
    private static final long PRODUCT = 1 << 24;

    private Limits() {}

    static UserError exceeded(Object value, String limit) {
        return UserError.of(
                "constraint too large",
                value,
                limit + "; use fewer or shorter repetitions, lengths, properties or choices");
    }

    /** Refuses a number of cases before they are made. */
    static void checkCases(long count) {
        if (count > CASES) {
            throw exceeded(count + " cases", "at most " + CASES);
        }
    }

    static Automaton determinise(Automaton automaton) {
        return bounded(() -> Operations.removeDeadStates(Operations.determinize(automaton, DETERMINISE)));
    }

    static Automaton intersection(Automaton a, Automaton b) {
        long product = (long) a.getNumStates() * b.getNumStates();
        if (product > PRODUCT) {
            throw exceeded(product + " pairs of states", "at most " + PRODUCT);
        }
        return determinise(Operations.removeDeadStates(Operations.intersection(a, b)));
    }

    private static Automaton bounded(Supplier<Automaton> work) {
        try {
            return work.get();
        } catch (TooComplexToDeterminizeException e) {
            throw exceeded("its automaton has too many states", "at most " + DETERMINISE + " units of work");
        }
    }
}
