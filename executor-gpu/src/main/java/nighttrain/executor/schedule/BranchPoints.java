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
 * Where prompts branch, for models whose layers keep a state. A state can be shared only where it was saved, at a place that its sequence
 * stopped at. So a prompt is cut at the first page end from which on one of those beside it differs, and its state saved there, for the
 * other to start from. A sequence that can start from a snapshot that is about to be saved waits for it, a step as a rule, and does not
 * compute the same; those behind it go first. Prompts that share no page are not cut.
 *
 * <p>A waiting sequence that shares all tokens before the first whose logits it needs, as those that score labels of one row do, cuts the
 * prompt at that token, inside a page. It begins in the step that reaches the cut, as a {@link Step.Fork}, and no snapshot is saved. Where
 * slots are too few for all forks, a snapshot is saved at the page end before, too.
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

    /** Once its next step is planned: where that reached its cut, its state is saved for others, and it is cut at the next branch. */
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

    /** The first branch behind what it has computed; 0 where there is none. */
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
     * Tokens that {@code later} need not compute once {@code first} has; both have one to compute. They fill pages, or {@code later} needs no
     * more.
     */
    private int branch(Sequence first, Sequence later) {
        int needed = later.reusable() - 1;
        int tokens = Math.min(Math.min(first.sameAs(later), first.length() - 1), needed);
        return tokens == needed ? tokens : tokens - inPage(tokens);
    }

    /** How many of the first {@code tokens} tokens are in a page that they do not fill. */
    private int inPage(int tokens) {
        return tokens % pages.pageTokens();
    }

    /** The one of {@code running} from whose cut {@code sequence} had better start, once the cut is reached. */
    Optional<Sequence> awaited(Sequence sequence, List<Sequence> running) {
        if (!pages.sharesStates()) {
            return Optional.empty();
        }
        return running.stream()
                .filter(other -> other.cut() > 0 && other.cut() <= branch(other, sequence))
                .max(Comparator.comparingInt(Sequence::cut))
                .filter(other -> other.cut() > pages.knownPrefix(sequence.tokens(), sequence.adoptable()));
    }

    /** What a fork of {@code source} copies, where the step reaches a cut inside a page; otherwise the snapshot or a later step is awaited. */
    Optional<Step.Copied> fork(Sequence source, StepPlan plan) {
        int copied = inPage(source.cut());
        return copied == 0 ? Optional.empty() : plan.tail(source, copied);
    }
}
