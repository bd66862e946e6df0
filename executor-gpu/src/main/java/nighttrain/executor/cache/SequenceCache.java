package nighttrain.executor.cache;

import java.util.Arrays;

/** What one sequence has of a cache: pages in every group, a slot, and how far its pages have been identified as a prefix. */
public final class SequenceCache {
    /** In the place of a slot, where there is none. */
    public static final int NO_SLOT = -1;

    private final PageTable[] tables;
    private final int[][] pages;
    private int slot = NO_SLOT;
    private int identified;
    private long identity = PrefixIndex.ROOT;

    SequenceCache(int groups) {
        tables = new PageTable[groups];
        pages = new int[groups][];
        Arrays.setAll(tables, group -> new PageTable());
    }

    /** Its pages in a group. */
    public PageTable table(int group) {
        return tables[group];
    }

    /** Its pages of every group, {@code [groups][at least needed]}, as they are until it grows. */
    public int[][] pages() {
        for (int group = 0; group < pages.length; group++) {
            pages[group] = tables[group].array();
        }
        return pages;
    }

    /** Where its fixed state is; {@link #NO_SLOT} where it has none. */
    public int slot() {
        return slot;
    }

    void takeSlot(int taken) {
        slot = taken;
    }

    /** Leading pages whose identity is known. */
    int identified() {
        return identified;
    }

    /** Identity of the prefix that these hold. */
    long identity() {
        return identity;
    }

    void identify(long prefix) {
        identify(prefix, identified + 1);
    }

    void identify(long prefix, int pages) {
        identity = prefix;
        identified = pages;
    }

    void clear() {
        for (PageTable table : tables) {
            table.clear();
        }
        slot = NO_SLOT;
        identify(PrefixIndex.ROOT, 0);
    }
}
