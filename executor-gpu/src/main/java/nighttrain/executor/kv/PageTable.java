package nighttrain.executor.kv;

import java.util.Arrays;

/** The pages of one sequence in order of position, and how far their content has been identified as a prefix. */
public final class PageTable {
    private int[] pages = new int[8];
    private int size;
    private int identified;
    private long identity = PrefixIndex.ROOT;

    public int size() {
        return size;
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

    /** Leading pages whose identity is known. */
    int identified() {
        return identified;
    }

    /** Identity of the prefix that these hold. */
    long identity() {
        return identity;
    }

    void identify(long prefix) {
        identity = prefix;
        identified++;
    }

    void clear() {
        size = 0;
        identified = 0;
        identity = PrefixIndex.ROOT;
    }
}
