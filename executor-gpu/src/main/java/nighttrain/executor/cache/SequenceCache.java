package nighttrain.executor.cache;

import java.util.Arrays;

/**
 * One sequence's part of a cache: pages in every group, a slot, and how many of its pages are identified as a prefix. Also the snapshot that its
 * state starts from, and the slot reserved for a snapshot of its state.
 */
public final class SequenceCache {
    private final PageTable[] tables;
    private final int[][] pages;
    private int slot = PagePool.NONE;
    private int restoredFrom = PagePool.NONE;
    private int reserved = PagePool.NONE;
    private int identified;
    private PrefixIndex.Entry prefix;

    SequenceCache(int groups) {
        tables = new PageTable[groups];
        pages = new int[groups][];
        Arrays.setAll(tables, group -> new PageTable());
    }

    int groups() {
        return tables.length;
    }

    /** Its pages in a group. */
    public PageTable table(int group) {
        return tables[group];
    }

    /** Its pages of every group, {@code [groups][at least needed]}; valid until it grows. */
    public int[][] pages() {
        for (int group = 0; group < pages.length; group++) {
            pages[group] = tables[group].array();
        }
        return pages;
    }

    /** The slot of its fixed state; {@link PagePool#NONE} if it has none. */
    public int slot() {
        return slot;
    }

    void takeSlot(int taken) {
        slot = taken;
    }

    /** The slot of the snapshot that its state starts from, until the copy is planned. */
    int restoredFrom() {
        return restoredFrom;
    }

    void restoreFrom(int snapshot) {
        restoredFrom = snapshot;
    }

    /** The slot that is reserved for a snapshot of its state. */
    int reserved() {
        return reserved;
    }

    void reserve(int taken) {
        reserved = taken;
    }

    /** Number of leading pages that are identified as a prefix. */
    int identified() {
        return identified;
    }

    /** The prefix that the identified pages hold; null if there are none. */
    PrefixIndex.Entry prefix() {
        return prefix;
    }

    void identify(PrefixIndex.Entry ofPages, int pages) {
        prefix = ofPages;
        identified = pages;
    }

    void clear() {
        for (PageTable table : tables) {
            table.clear();
        }
        slot = PagePool.NONE;
        restoredFrom = PagePool.NONE;
        reserved = PagePool.NONE;
        identify(null, 0);
    }

    /** The pages of one sequence in one group, in order of position; pages before a window have been given back. */
    public static final class PageTable {
        private int[] pages = new int[8];
        private int first;
        private int size;

        /** Number of pages up to the last, including those given back. */
        public int size() {
            return size;
        }

        /** Index of the first page that is not given back. */
        int first() {
            return first;
        }

        /** Number of pages that are not given back. */
        public int held() {
            return size - first;
        }

        public int page(int index) {
            return pages[index];
        }

        /** The pages, in an array that may be longer than {@link #size}. */
        public int[] array() {
            return pages;
        }

        void append(int page) {
            if (size == pages.length) {
                pages = Arrays.copyOf(pages, size * 2);
            }
            pages[size++] = page;
        }

        /** Begins an empty table with {@code count} entries without a page. */
        void beginAt(int count) {
            while (size < count) {
                append(PagePool.NONE);
            }
            first = count;
        }

        /** Removes the first page that is not given back, and returns it. */
        int dropFirst() {
            int page = pages[first];
            pages[first++] = PagePool.NONE;
            return page;
        }

        void clear() {
            size = 0;
            first = 0;
        }
    }
}
