package nighttrain.executor.cache;

import java.util.ArrayList;
import java.util.List;
import java.util.function.IntConsumer;
import java.util.function.IntPredicate;
import nighttrain.executor.step.Batch.SlotCopy;
import nighttrain.executor.step.Batch.StateCopies;

/**
 * Allocates the slots of fixed states: one to every running sequence, one to every snapshot. A snapshot is a copy of a state at the end of a prefix
 * of full pages; sequences that begin with the same tokens start from copies of it. A snapshot keeps its slot until the slot is needed; the snapshot
 * unused for longest is dropped first. Sequences never have all slots, so that a full batch leaves room for some snapshots. A fork of a running
 * sequence starts from a copy of its state, without a snapshot.
 *
 * <p>A slot is not cleared for its next owner: the owner's first step begins at position 0, where every device starts from an empty state, or with a
 * copy of a snapshot. Copies are made when the next step begins, before it computes: until then a slot holds the state after the steps before, even
 * if it has a new owner. Until then the snapshot or the fork of a copy counts as used.
 */
public final class StateSlots {
    private final int most;
    private final PagePool pool;
    private final List<SlotCopy> saved = new ArrayList<>();
    private final List<SlotCopy> restored = new ArrayList<>();
    private int running;

    /**
     * @param known whether a slot holds a snapshot
     * @param overwritten called with each snapshot whose slot is taken for something else
     */
    StateSlots(CacheLayout layout, IntPredicate known, IntConsumer overwritten) {
        this.most = layout.slots();
        this.pool = new PagePool(most + layout.snapshots(), known, overwritten);
    }

    /** Slots that can be allocated to sequences now. */
    public int available() {
        return Math.min(most - running, pool.available());
    }

    /** Makes a sequence that is about to begin start from a snapshot. */
    void restore(SequenceCache cache, int snapshot) {
        pool.share(snapshot);
        cache.restoreFrom(snapshot);
    }

    /** Gives a sequence its slot. */
    void begin(SequenceCache cache) {
        if (available() == 0) {
            throw new IllegalStateException("state slots: " + most + ", " + running + " taken by sequences");
        }
        running++;
        cache.takeSlot(pool.take());
        if (cache.restoredFrom() != PagePool.NONE) {
            restored.add(new SlotCopy(cache.restoredFrom(), cache.slot()));
            cache.restoreFrom(PagePool.NONE);
        }
    }

    /** Reserves a slot for a snapshot of a sequence's state; returns {@code false} if no slot is left. */
    boolean reserve(SequenceCache cache) {
        if (pool.available() == 0) {
            return false;
        }
        cache.reserve(pool.take());
        return true;
    }

    /** Saves a sequence's state after the steps planned so far in the reserved slot. */
    void save(SequenceCache cache) {
        saved.add(new SlotCopy(cache.slot(), cache.reserved()));
        cache.reserve(PagePool.NONE);
    }

    /** Makes a sequence start from another's state after the steps planned so far. */
    public void fork(SequenceCache from, SequenceCache to) {
        pool.share(to.slot());
        saved.add(new SlotCopy(from.slot(), to.slot()));
    }

    /** Takes back all slots of a sequence. */
    void release(SequenceCache cache) {
        if (cache.slot() != PagePool.NONE) {
            running--;
            pool.leave(cache.slot());
        }
        if (cache.restoredFrom() != PagePool.NONE) {
            pool.leave(cache.restoredFrom());
        }
        if (cache.reserved() != PagePool.NONE) {
            pool.leave(cache.reserved());
        }
    }

    /** Returns the copies that the step just planned has to make, and forgets them. */
    public StateCopies takeCopies() {
        StateCopies copies = new StateCopies(List.copyOf(saved), List.copyOf(restored));
        saved.forEach(copy -> pool.leave(copy.to()));
        restored.forEach(copy -> pool.leave(copy.from()));
        saved.clear();
        restored.clear();
        return copies;
    }

    /** Returns whether every slot is exactly one of free, held by an unused snapshot, and used. */
    boolean isConsistent() {
        return pool.isConsistent();
    }
}
