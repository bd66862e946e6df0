package nighttrain.executor.device.cpu;

import nighttrain.executor.device.Ops.KvPages;
import nighttrain.io.checkpoint.E4m3;
import nighttrain.io.spec.KvFormat;

/**
 * Keys and values of one layer. Keys are stored as {@code [track][page][head][dim][position]}, so that a page's scores are sums of whole vectors;
 * values as {@code [track][page][head][position][dim]}. Positions of a page are padded, see {@link #PADDING}. Pages in 8 bits hold the rounded
 * numbers as fp32.
 */
final class CpuKvPages implements KvPages {
    /**
     * Positions are padded to a multiple of this, the chains of a sum: the order of additions then does not depend on the machine. Vectors of at most
     * 512 bits fit.
     */
    private static final int PADDING = FixedSums.CHAINS;

    private final int group;
    private final int pageTokens;
    private final int paddedTokens;
    private final int headDim;
    private final int kvHeads;
    private final KvFormat format;

    /** One array per page and track, so that the cache may have any size and a page is allocated when it is first used. */
    private final float[][][] keys;

    private final float[][][] values;

    CpuKvPages(int group, int tracks, int pages, int pageTokens, int kvHeads, int headDim, KvFormat format) {
        this.group = group;
        this.pageTokens = pageTokens;
        this.paddedTokens = (pageTokens + PADDING - 1) / PADDING * PADDING;
        this.headDim = headDim;
        this.kvHeads = kvHeads;
        this.format = format;
        this.keys = new float[tracks][pages][];
        this.values = new float[tracks][pages][];
    }

    /** The group of layers, which selects the page table of a sequence. */
    int group() {
        return group;
    }

    KvFormat format() {
        return format;
    }

    int pageTokens() {
        return pageTokens;
    }

    /** Length of a page's row of positions. */
    int paddedTokens() {
        return paddedTokens;
    }

    float[] keys(int track, int page) {
        return keys[track][page];
    }

    float[] values(int track, int page) {
        return values[track][page];
    }

    /** Index of {@code (head, dim 0, position 0)} in a page of keys. */
    int keyHead(int head) {
        return head * headDim * paddedTokens;
    }

    /** Index of {@code (head, position 0, dim 0)} in a page of values. */
    int valueHead(int head) {
        return head * pageTokens * headDim;
    }

    /** Stores one token's key and value of every head, rounded in place; {@code key} and {@code value} are indices into {@code data}. */
    void store(int track, int page, int slot, float[] data, int key, int value) {
        allocate(track, page);
        for (int head = 0; head < kvHeads; head++) {
            round(data, key + head * headDim);
            round(data, value + head * headDim);
        }
        float[] pageKeys = keys[track][page];
        for (int i = 0; i < kvHeads * headDim; i++) {
            pageKeys[i * paddedTokens + slot] = data[key + i];
        }
        for (int head = 0; head < kvHeads; head++) {
            System.arraycopy(
                    data, value + head * headDim, values[track][page], valueHead(head) + slot * headDim, headDim);
        }
    }

    /** Rounds a key or a value of one head to the format of the pages. */
    private void round(float[] data, int at) {
        switch (format) {
            case PLAIN -> {}
            case FP8 -> E4m3.round(data, at, headDim);
            case INT8 -> Int8.round(data, at, headDim);
        }
    }

    private void allocate(int track, int page) {
        if (keys[track][page] == null) {
            values[track][page] = new float[kvHeads * pageTokens * headDim];
            keys[track][page] = new float[kvHeads * headDim * paddedTokens];
        }
    }
}
