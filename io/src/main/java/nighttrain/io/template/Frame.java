package nighttrain.io.template;

import java.util.ArrayList;
import java.util.List;

/**
 * The names that a block of statements has of its own, and what they are when it is entered: what the template was given under
 * that name, what an outer block has, or nothing. {@link Binder} fills it.
 */
final class Frame {
    private final List<Entry> entries = new ArrayList<>();
    private int slots;

    /** A name on entry: {@code given} from outside of the template, else a copy of {@code copied}, else nothing. */
    private record Entry(int slot, String given, Variable copied) {}

    void given(int slot, String name) {
        entries.add(new Entry(slot, name, null));
    }

    void copied(int slot, Variable outer) {
        entries.add(new Entry(slot, null, outer));
    }

    void nothing(int slot) {
        entries.add(new Entry(slot, null, null));
    }

    void enter(Scope scope) {
        for (Entry entry : entries) {
            scope.slots[entry.slot] = entry.given != null
                    ? scope.rendering.variables.getOrDefault(entry.given, Scope.MISSING)
                    : entry.copied != null ? entry.copied.get(scope) : Scope.MISSING;
        }
    }

    /** Slots of the function whose outermost frame this is. */
    int slots() {
        return slots;
    }

    void slots(int count) {
        slots = count;
    }
}
