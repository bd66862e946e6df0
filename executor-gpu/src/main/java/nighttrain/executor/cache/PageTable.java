package nighttrain.executor.cache;

import java.util.Arrays;

/** The pages that one sequence has of one group, in order of position; those before a window have been given back. */
public final class PageTable {
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
