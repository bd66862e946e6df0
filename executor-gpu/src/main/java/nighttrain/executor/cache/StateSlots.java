package nighttrain.executor.cache;

import java.util.BitSet;

/**
 * Hands out the slots of fixed states, one a running sequence. A slot is not cleared when it changes hands: its new owner's first step
 * begins at position 0, where every device starts from an empty state.
 */
public final class StateSlots {
    private final int slots;
    private final BitSet taken = new BitSet();

    StateSlots(int slots) {
        this.slots = slots;
    }

    public int available() {
        return slots - taken.cardinality();
    }

    int take() {
        int slot = taken.nextClearBit(0);
        if (slot >= slots) {
            throw new IllegalStateException("state slots: " + slots + ", all taken");
        }
        taken.set(slot);
        return slot;
    }

    void giveBack(int slot) {
        if (!taken.get(slot)) {
            throw new IllegalStateException("state slot given back twice: " + slot);
        }
        taken.clear(slot);
    }
}
