package nighttrain.pipeline.host;

import java.util.IdentityHashMap;
import nighttrain.io.constraint.TokenAutomaton;

/**
 * Limits the memory of each device that the automata of an engine's rows in flight take. A batch file may hold one schema per line: a row
 * whose automaton has no room waits until others have ended. A single automaton always has room. One more automaton at a time may exceed
 * the limit, for a session that has no row in flight: sessions could otherwise wait for each other, since a call of the model in a query
 * may read its rows from another call.
 */
final class AutomatonRoom {
    /** The limit in bytes; devices keep more than this in reserve anyway. */
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
     * Takes room for a row with this automaton; returns {@code false} if there is none.
     *
     * @param first whether its session has no row in flight
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

    /** Releases the room of a row that has ended. */
    @SuppressWarnings("ReferenceEquality") // the identity of an automaton is its memory
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
