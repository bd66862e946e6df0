package nighttrain.io.constraint;

import java.util.function.Supplier;
import nighttrain.io.UserError;
import org.apache.lucene.util.automaton.Automaton;
import org.apache.lucene.util.automaton.Operations;
import org.apache.lucene.util.automaton.TooComplexToDeterminizeException;

/**
 * What a constraint may cost. Limits count work and entries, not seconds, so that the driver and every executor refuse the same
 * constraints.
 */
final class Limits {
    /** Work of one determinisation, in Lucene's units of ten visited states: a second. */
    private static final int DETERMINISE = 100_000;

    /** States of an automaton over bytes. */
    static final int BYTE_STATES = 1 << 16;

    /** Pairs of states that tokens and their beginnings connect: 8 bytes each while compiling. */
    static final int PAIRS = 1 << 23;

    /** Entries of the finished table, 4 bytes each, which every device holds. */
    static final int TABLE = 1 << 24;

    /** Pairs of states of an intersection. */
    private static final long PRODUCT = 1 << 24;

    private Limits() {}

    static UserError exceeded(Object value, String limit) {
        return UserError.of(
                "constraint too large",
                value,
                limit + "; use fewer or shorter repetitions, lengths, properties or choices");
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
