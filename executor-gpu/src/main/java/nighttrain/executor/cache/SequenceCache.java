package nighttrain.executor.cache;

import java.util.Arrays;

/**
 * What one sequence has of a cache: pages in every group, a slot, and how far its pages have been identified as a prefix. And what its state
 * has to do with others': the snapshot that it starts from, and the slot for one of it.
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

    /** Its pages of every group, {@code [groups][at least needed]}, as they are until it grows. */
    public int[][] pages() {
        for (int group = 0; group < pages.length; group++) {
            pages[group] = tables[group].array();
        }
        return pages;
    }

    /** Where its fixed state is; {@link PagePool#NONE} where it has none. */
    public int slot() {
        return slot;
    }

    void takeSlot(int taken) {
        slot = taken;
    }

    /** The slot of the snapshot that its state is to be a copy of, until that is on its way. */
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

    /** Leading pages whose prefix is known. */
    int identified() {
        return identified;
    }

    /** The prefix that these hold; null where there are none. */
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

    /** The pages that one sequence has of one group, in order of position; those before a window have been given back. */
    public static final class PageTable {
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
                append(PagePool.NONE);
            }
            first = count;
        }

        /** Removes the first page that is there, and returns it. */
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
