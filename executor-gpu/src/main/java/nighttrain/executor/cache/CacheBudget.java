package nighttrain.executor.cache;

import java.util.ArrayList;
import java.util.List;
import java.util.function.IntPredicate;
import nighttrain.executor.cache.CacheLayout.Group;
import nighttrain.executor.cache.CacheSpec.PagedKv;
import nighttrain.io.UserError;

/**
 * Cuts memory into the slots and the pages of a cache's groups. There are as many slots as sequences of the expected length find pages
 * beside; those that are more than may run are for snapshots, and where they are fewer, a few of them. All groups are sized for the same number of sequences of a typical length; where they hold as many as may run, for longer
 * ones. What is left goes to the groups in their order, those without a window first: there it keeps prefixes. No group gets more than
 * the longest sequences fill, or less than one of them needs.
 *
 * @param bytes memory to use, over all ranks
 * @param maxSequences most sequences that run at once
 * @param maxTokens most tokens of a step: the pages of pieces of prompts come on top of those of windows
 * @param maxModelLen longest sequence
 * @param expectedTokens of a sequence
 */
public record CacheBudget(long bytes, int maxSequences, int maxTokens, int maxModelLen, int expectedTokens) {
    /** Prompt and answer of a row are seldom longer together. */
    private static final int TYPICAL_TOKENS = 4096;

    /** Slots of sequences for each of a snapshot, where memory is short. */
    private static final int SLOTS_PER_SNAPSHOT = 16;

    /** For sequences of which nothing is known. */
    public CacheBudget(long bytes, int maxSequences, int maxTokens, int maxModelLen) {
        this(bytes, maxSequences, maxTokens, maxModelLen, Math.min(TYPICAL_TOKENS, maxModelLen));
    }

    /**
     * The slots and pages of a model's layers.
     *
     * @param unsized the groups, whatever their pages, the most slots and the most snapshots
     */
    public CacheLayout cut(CacheLayout unsized) {
        if (unsized.slotBytes(1) + cost(unsized, 0, maxModelLen) > bytes) {
            throw tooSmall(unsized);
        }
        int most = Math.min(unsized.slots(), maxSequences);
        int all = unsized.hasStates() ? slots(unsized, most) : 0;
        int slots = Math.min(most, all - Math.min(unsized.snapshots(), all / SLOTS_PER_SNAPSHOT));
        long forPages = bytes - unsized.slotBytes(all);
        List<Group> groups = pages(unsized, unsized.hasStates() ? slots : maxSequences, forPages);
        return new CacheLayout(unsized.pageTokens(), groups, slots, all - slots, unsized.slotBytes());
    }

    /** Slots in all, of which at most {@code most} are for sequences. */
    private int slots(CacheLayout unsized, int most) {
        long longest = cost(unsized, 0, maxModelLen);
        return largest(
                1,
                most + unsized.snapshots(),
                count -> unsized.slotBytes(count)
                                + Math.max(cost(unsized, Math.min(count, most), expectedTokens), longest)
                        <= bytes);
    }

    private List<Group> pages(CacheLayout unsized, int most, long forPages) {
        int pageTokens = unsized.pageTokens();
        List<Group> groups = unsized.groups();
        int typical = Math.min(TYPICAL_TOKENS, maxModelLen);
        int sequences = largest(0, most, count -> cost(unsized, count, typical) <= forPages);
        int length = sequences < most
                ? typical
                : largest(typical, maxModelLen, tokens -> cost(unsized, sequences, tokens) <= forPages);
        long left = forPages - cost(unsized, sequences, length);
        Group[] sized = new Group[groups.size()];
        for (int index : unwindowedFirst(groups)) {
            Group group = groups.get(index);
            long pages = pages(group, pageTokens, sequences, length);
            long useful = Math.max(pages, (long) most * PagedKv.pagesFor(maxModelLen, pageTokens));
            long more = Math.min(useful - pages, left / group.pageBytes(pageTokens));
            left -= more * group.pageBytes(pageTokens);
            sized[index] = new Group(group.spec(), group.layers(), (int) Math.min(pages + more, Integer.MAX_VALUE - 1));
        }
        return List.of(sized);
    }

    private static List<Integer> unwindowedFirst(List<Group> groups) {
        List<Integer> order = new ArrayList<>();
        for (boolean windowed : new boolean[] {false, true}) {
            for (int i = 0; i < groups.size(); i++) {
                if (groups.get(i).spec().window() > 0 == windowed) {
                    order.add(i);
                }
            }
        }
        return order;
    }

    /** For {@code sequences} sequences of {@code tokens} tokens, and for the longest sequence at least. */
    private long pages(Group group, int pageTokens, int sequences, int tokens) {
        long all = (long) sequences * PagedKv.pagesFor(tokens, pageTokens);
        long decoding = (long) sequences * group.spec().pages(tokens, 1, pageTokens);
        long pieces = group.spec().window() == 0 ? 0 : PagedKv.pagesFor(maxTokens, pageTokens);
        return Math.max(Math.min(all, decoding + pieces), group.spec().pages(maxModelLen, pageTokens, pageTokens));
    }

    /** Of pages. */
    private long cost(CacheLayout unsized, int sequences, int tokens) {
        int pageTokens = unsized.pageTokens();
        return unsized.groups().stream()
                .mapToLong(group -> pages(group, pageTokens, sequences, tokens) * group.pageBytes(pageTokens))
                .sum();
    }

    /** The largest of {@code from .. to} that fits, where the first does and what is smaller than a fitting one does. */
    private static int largest(int from, int to, IntPredicate fits) {
        int low = from;
        int high = to;
        while (low < high) {
            int middle = low + (high - low + 1) / 2;
            if (fits.test(middle)) {
                low = middle;
            } else {
                high = middle - 1;
            }
        }
        return low;
    }

    private UserError tooSmall(CacheLayout unsized) {
        int pageTokens = unsized.pageTokens();
        long state = unsized.slotBytes(1);
        int fitting = largest(
                0,
                maxModelLen,
                tokens -> state + new CacheBudget(bytes, maxSequences, maxTokens, tokens).cost(unsized, 0, tokens)
                        <= bytes);
        return UserError.of(
                "KV cache too small for one sequence",
                maxModelLen + " tokens need " + mebibytes(state + cost(unsized, 0, maxModelLen)) + " MiB",
                mebibytes(bytes) + " MiB are free, which hold " + fitting / pageTokens * pageTokens
                        + " tokens; lower --max-model-len or give the process more memory");
    }

    private static long mebibytes(long bytes) {
        return (bytes + (1 << 20) - 1) >> 20;
    }
}
