package nighttrain.pipeline.host;

import java.util.IdentityHashMap;
import nighttrain.io.constraint.TokenAutomaton;

/**
 * How much memory of each device the automata of an engine's rows in flight may take. A batch file may hold a schema a line: a row whose
 * automaton has no room waits until others have ended. One automaton always has room where there is no other; and one at a time gets in beside
 * the others for a session that has no row in flight, since what it waits for may wait for it: a call of the model in a query reads its rows
 * from another call.
 */
final class AutomatonRoom {
    /** Less than devices keep anyway. */
    static final long BYTES = 192L << 20;

    private final long bytes;
    private final IdentityHashMap<TokenAutomaton, Integer> users = new IdentityHashMap<>();
    private long taken;
    /** The automaton beyond {@link #bytes}; null where there is none. */
    private TokenAutomaton beyond;

    AutomatonRoom(long bytes) {
        this.bytes = bytes;
    }

    /**
     * Takes room for a row with that automaton; {@code false} where there is none.
     *
     * @param first its session has no row in flight
     */
    synchronized boolean enter(TokenAutomaton automaton, boolean first) {
        if (!users.containsKey(automaton)) {
            if (taken > 0 && taken + automaton.bytes() > bytes) {
                if (!first || beyond != null) {
                    return false;
                }
                beyond = automaton;
            }
            taken += automaton.bytes();
        }
        users.merge(automaton, 1, Integer::sum);
        return true;
    }

    /** A row that has entered ends. */
    @SuppressWarnings("ReferenceEquality") // an automaton is its memory, which this counts
    synchronized void leave(TokenAutomaton automaton) {
        if (users.merge(automaton, -1, Integer::sum) == 0) {
            users.remove(automaton);
            taken -= automaton.bytes();
            if (automaton == beyond) {
                beyond = null;
            }
        }
    }
}
