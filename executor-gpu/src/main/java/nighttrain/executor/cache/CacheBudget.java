package nighttrain.executor.cache;

import java.util.ArrayList;
import java.util.List;
import java.util.function.IntPredicate;
import nighttrain.executor.cache.CacheLayout.Group;
import nighttrain.executor.cache.CacheSpec.PagedKv;
import nighttrain.io.UserError;

/**
 * Cuts memory into the slots and the pages of a cache's groups. There are as many slots as sequences of the expected length that find pages in the
 * remaining memory. Slots beyond the number of sequences that may run are for snapshots; if there are fewer slots than that, a few of them are. All
 * groups are sized for the same number of sequences of a typical length; if that holds all sequences that may run, for longer ones. Remaining memory
 * goes to the groups in their order, groups without a window first, where it keeps prefixes. No group gets more pages than the longest sequences
 * fill, or fewer than one of them needs.
 *
 * @param bytes memory to use, over all ranks
 * @param maxSequences most sequences that run at once
 * @param maxTokens most tokens of a step: pieces of prompts need pages in addition to those of windows
 * @param maxModelLen tokens of the longest sequence
 * @param expectedTokens expected tokens of a sequence
 */
public record CacheBudget(long bytes, int maxSequences, int maxTokens, int maxModelLen, int expectedTokens) {
    /** Tokens of a typical sequence: prompt and answer of a row together are seldom longer. */
    private static final int TYPICAL_TOKENS = 4096;

    /** If memory is short, one in this many slots is for a snapshot. */
    private static final int SLOTS_PER_SNAPSHOT = 16;

    /** Makes a budget for sequences of unknown length. */
    public CacheBudget(long bytes, int maxSequences, int maxTokens, int maxModelLen) {
        this(bytes, maxSequences, maxTokens, maxModelLen, Math.min(TYPICAL_TOKENS, maxModelLen));
    }

    /**
     * Returns the slots and pages of a model's layers.
     *
     * @param unsized the groups, the most slots and the most snapshots; its numbers of pages are ignored
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

    /** Returns the number of all slots, of which at most {@code most} are for sequences. */
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

    /** Returns the pages of a group for {@code sequences} sequences of {@code tokens} tokens, and at least those of the longest sequence. */
    private long pages(Group group, int pageTokens, int sequences, int tokens) {
        long all = (long) sequences * PagedKv.pagesFor(tokens, pageTokens);
        long decoding = (long) sequences * group.spec().pages(tokens, 1, pageTokens);
        long pieces = group.spec().window() == 0 ? 0 : PagedKv.pagesFor(maxTokens, pageTokens);
        return Math.max(Math.min(all, decoding + pieces), group.spec().pages(maxModelLen, pageTokens, pageTokens));
    }

    /** Returns the bytes of all groups' pages for {@code sequences} sequences of {@code tokens} tokens. */
    private long cost(CacheLayout unsized, int sequences, int tokens) {
        int pageTokens = unsized.pageTokens();
        return unsized.groups().stream()
                .mapToLong(group -> pages(group, pageTokens, sequences, tokens) * group.pageBytes(pageTokens))
                .sum();
    }

    /** Returns the largest of {@code from .. to} that fits. The first must fit, and every number below a fitting one. */
    private static int largest(int from, int to, IntPredicate fits) {
        int low = from;
        int high = to;
        while (low < high) {
            int middle = high - (high - low) / 2;
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
