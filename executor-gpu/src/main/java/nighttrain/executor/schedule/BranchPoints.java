package nighttrain.executor.schedule;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.stream.Stream;
import nighttrain.executor.cache.PageAllocator;

/**
 * Where prompts branch, for models whose layers keep a state. A state can be shared only where it was saved, at a place that its sequence
 * stopped at. So a prompt is cut at the first page end from which on one of those beside it differs, and its state saved there, for the
 * other to start from. A sequence that can start from a snapshot that is about to be saved waits for it, a step as a rule, and does not
 * compute the same; those behind it go first. Prompts that share no page are not cut.
 */
final class BranchPoints {
    /** Sequences before one, and behind it, that it is compared with: texts that begin alike come one after the other. */
    private static final int LOOKED_AT = 16;

    private final PageAllocator pages;
    private final Deque<Sequence> waiting;
    private final Deque<Sequence> latest = new ArrayDeque<>();

    /**
     * @param waiting those behind a sequence that begins
     */
    BranchPoints(PageAllocator pages, Deque<Sequence> waiting) {
        this.pages = pages;
        this.waiting = waiting;
    }

    /** A sequence begins. */
    void begin(Sequence sequence) {
        if (pages.sharesStates()) {
            cut(sequence);
            latest.addFirst(sequence);
            if (latest.size() > LOOKED_AT) {
                latest.removeLast();
            }
        }
    }

    /** Once its next step is planned: where that reached its cut, its state is saved, and it is cut at the next branch. */
    void planned(Sequence sequence) {
        if (sequence.cut() > 0 && sequence.cut() == sequence.computed()) {
            pages.saveSnapshot(sequence.cache());
            cut(sequence);
        }
    }

    private void cut(Sequence sequence) {
        int next = next(sequence);
        sequence.cutAt(next > 0 && pages.reserveSnapshot(sequence.cache()) ? next : 0);
    }

    /** The first page end behind what it has computed from which on another differs; 0 where there is none. */
    private int next(Sequence sequence) {
        return Stream.concat(waiting.stream().limit(LOOKED_AT), latest.stream())
                .filter(other -> other != sequence)
                .mapToInt(other -> shared(sequence, other))
                .filter(end -> end > sequence.computed())
                .min()
                .orElse(0);
    }

    /** Tokens in full pages that {@code other} need not compute once {@code sequence} has; both have one to compute. */
    private int shared(Sequence sequence, Sequence other) {
        int tokens = Math.min(sequence.sameAs(other), Math.min(sequence.length(), other.reusable()) - 1);
        return tokens / pages.pageTokens() * pages.pageTokens();
    }

    /** Whether a snapshot of one of {@code running} is about to be saved that {@code sequence} had better wait for. */
    boolean isWorthWaiting(Sequence sequence, List<Sequence> running) {
        if (!pages.sharesStates()) {
            return false;
        }
        int awaited = 0;
        for (Sequence other : running) {
            if (other.cut() > awaited && other.cut() < sequence.adoptable() && other.cut() <= other.sameAs(sequence)) {
                awaited = other.cut();
            }
        }
        return awaited > 0 && awaited > pages.knownPrefix(sequence.tokens(), sequence.adoptable());
    }
}
