package nighttrain.executor.cache;

import java.util.Arrays;

/** What one sequence has of a cache: pages in every group, a slot, and how far its pages have been identified as a prefix. */
public final class SequenceCache {
    /** In the place of a slot, where there is none. */
    public static final int NO_SLOT = -1;

    /** The identity of the prefix that no page holds. */
    static final long NO_PREFIX = 0;

    private final PageTable[] tables;
    private final int[][] pages;
    private int slot = NO_SLOT;
    private int identified;
    private long identity = NO_PREFIX;

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
        identify(NO_PREFIX, 0);
    }

    /** The pages that one sequence has of one group, in order of position; those before a window have been given back. */
    public static final class PageTable {
        /** In the place of a page that was given back, or never taken: no device may read it. */
        static final int NONE = -1;

        private int[] pages = new int[8];
        private int first;
        private int size;

        /** Pages up to the last, those given back included. */
        public int size() {
            return size;
        }

        /** The first page that is still there. */
        int first() {
            return first;
        }

        /** Pages that are there. */
        public int held() {
            return size - first;
        }

        public int page(int index) {
            return pages[index];
        }

        /** The pages, in an array that is longer than {@link #size} where there is room to grow. */
        public int[] array() {
            return pages;
        }

        void append(int page) {
            if (size == pages.length) {
                pages = Arrays.copyOf(pages, size * 2);
            }
            pages[size++] = page;
        }

        /** Lets an empty table begin with {@code count} pages that are not there. */
        void beginAt(int count) {
            while (size < count) {
                append(NONE);
            }
            first = count;
        }

        /** Removes the first page that is there, and returns it. */
        int dropFirst() {
            int page = pages[first];
            pages[first++] = NONE;
            return page;
        }

        void clear() {
            size = 0;
            first = 0;
        }
    }
}
