package nighttrain.executor.schedule;

import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Comparator;
import java.util.Deque;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import nighttrain.executor.cache.PageAllocator;

/**
 * Finds where prompts branch, for models whose layers keep a state. A state can be shared only if it was saved, and only at a position where its
 * sequence stopped. So a prompt is cut at the last page end before a neighbouring prompt differs from it, and its state is saved there for the
 * neighbour to start from. A sequence that can start from a snapshot that is about to be saved waits for it, usually one step, instead of computing
 * the same tokens; sequences behind it go first. Prompts that share no page are not cut.
 *
 * <p>A waiting sequence may share all tokens before the first whose logits it needs, as sequences that score labels of one row do. The prompt is then
 * cut at that token, inside a page. The waiting sequence begins in the step that reaches the cut, as a {@link Step.Fork}, and no snapshot is saved.
 * If there are too few slots for all forks, a snapshot is also saved at the page end before.
 */
final class BranchPoints {
    /** A sequence is compared with this many before it and behind it: texts that begin alike follow one another. */
    private static final int LOOKED_AT = 16;

    private final PageAllocator pages;
    private final Deque<Sequence> waiting;
    private final Deque<Sequence> latest = new ArrayDeque<>();

    /**
     * @param waiting sequences behind a sequence that begins
     */
    BranchPoints(PageAllocator pages, Deque<Sequence> waiting) {
        this.pages = pages;
        this.waiting = waiting;
    }

    /** Records that a sequence begins, and cuts it at its first branch. */
    void begin(Sequence sequence) {
        if (pages.sharesStates()) {
            cut(sequence);
            latest.addFirst(sequence);
            if (latest.size() > LOOKED_AT) {
                latest.removeLast();
            }
        }
    }

    /**
     * Records that a sequence's next step is planned. If the step reaches the cut, saves the state for other sequences and cuts the sequence at its
     * next branch.
     */
    void planned(Sequence sequence) {
        if (sequence.cut() > 0 && sequence.cut() == sequence.computed()) {
            if (inPage(sequence.cut()) == 0) {
                pages.saveSnapshot(sequence.cache());
            }
            cut(sequence);
        }
    }

    private void cut(Sequence sequence) {
        int next = next(sequence);
        boolean saves = next > 0 && inPage(next) == 0;
        sequence.cutAt(saves && !pages.reserveSnapshot(sequence.cache()) ? 0 : next);
    }

    /** Returns the first branch behind the sequence's computed tokens; 0 if there is none. */
    private int next(Sequence sequence) {
        int[] behind = waiting.stream()
                .limit(LOOKED_AT)
                .mapToInt(other -> branch(sequence, other))
                .toArray();
        long forks = Arrays.stream(behind).filter(end -> inPage(end) > 0).count();
        IntStream before =
                latest.stream().filter(other -> other != sequence).mapToInt(other -> branch(sequence, other));
        IntStream saved = forks > pages.slots().available() ? IntStream.concat(before, Arrays.stream(behind)) : before;
        return IntStream.concat(Arrays.stream(behind), saved.map(end -> end - inPage(end)))
                .filter(end -> end > sequence.computed())
                .min()
                .orElse(0);
    }

    /**
     * Returns how many leading tokens {@code later} need not compute once {@code first} has, so that both still have one to compute. They fill whole
     * pages, unless they are all that {@code later} can reuse.
     */
    private int branch(Sequence first, Sequence later) {
        int needed = later.reusable() - 1;
        int tokens = Math.min(Math.min(first.sameAs(later), first.length() - 1), needed);
        return tokens == needed ? tokens : tokens - inPage(tokens);
    }

    /** Returns how many of the first {@code tokens} tokens are in a page that they do not fill. */
    private int inPage(int tokens) {
        return tokens % pages.pageTokens();
    }

    /** Returns the one of {@code running} whose cut {@code sequence} should wait for, to start from there; none if it gains nothing by that. */
    Optional<Sequence> awaited(Sequence sequence, List<Sequence> running) {
        if (!pages.sharesStates()) {
            return Optional.empty();
        }
        return running.stream()
                .filter(other -> other.cut() > 0 && other.cut() <= branch(other, sequence))
                .max(Comparator.comparingInt(Sequence::cut))
                .filter(other -> other.cut() > pages.knownPrefix(sequence.tokens(), sequence.adoptable()));
    }

    /**
     * Returns the tokens that a fork of {@code source} copies, if the step reaches a cut inside a page; none if a snapshot or a later step is
     * awaited.
     */
    Optional<Step.Copied> fork(Sequence source, StepPlan plan) {
        int copied = inPage(source.cut());
        return copied == 0 ? Optional.empty() : plan.tail(source, copied);
    }
}
