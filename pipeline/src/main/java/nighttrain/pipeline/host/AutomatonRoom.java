package nighttrain.pipeline.host;

import java.util.IdentityHashMap;
import nighttrain.io.constraint.TokenAutomaton;

/**
 * How much memory of each device the automata of an engine's rows in flight may take. A batch file may hold a schema a line: a row whose
 * automaton has no room waits until others have ended. One automaton always has room where there is no other.
 */
final class AutomatonRoom {
    /** Less than devices keep anyway. */
    static final long BYTES = 192L << 20;

    private final long bytes;
    private final IdentityHashMap<TokenAutomaton, Integer> users = new IdentityHashMap<>();
    private long taken;

    AutomatonRoom(long bytes) {
        this.bytes = bytes;
    }

    /** Takes room for a row with that automaton; {@code false} where there is none. */
    synchronized boolean enter(TokenAutomaton automaton) {
        if (!users.containsKey(automaton)) {
            if (taken > 0 && taken + automaton.bytes() > bytes) {
                return false;
            }
            taken += automaton.bytes();
        }
        users.merge(automaton, 1, Integer::sum);
        return true;
    }

    /** A row that has entered ends. */
    synchronized void leave(TokenAutomaton automaton) {
        if (users.merge(automaton, -1, Integer::sum) == 0) {
            users.remove(automaton);
            taken -= automaton.bytes();
        }
    }
}
