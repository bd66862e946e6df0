package nighttrain.executor.cache;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import nighttrain.executor.cache.SequenceCache.PageTable;

/**
 * Finds full pages by what they hold: a page's identity is its tokens and the identity of the page before it, so that a chain
 * of matches is a shared prefix. Identities are numbers given once, never hashes: two different prefixes are never confused.
 */
final class PrefixIndex {
    private final Map<Key, Entry> entries = new HashMap<>();
    private final List<Map<Integer, Entry>> entryOfPage = new ArrayList<>();
    private long nextIdentity = SequenceCache.NO_PREFIX + 1;

    PrefixIndex(int groups) {
        for (int group = 0; group < groups; group++) {
            entryOfPage.add(new HashMap<>());
        }
    }

    /** A prefix that ends with a full page, and the page's place in every group that still holds it. */
    static final class Entry {
        private final Key key;
        private final long identity;
        private final int[] pages;
        private int held;

        private Entry(Key key, long identity, int groups) {
            this.key = key;
            this.identity = identity;
            this.pages = new int[groups];
            Arrays.fill(pages, PageTable.NONE);
        }

        long identity() {
            return identity;
        }

        /** Its page in a group; {@link PageTable#NONE} where that was overwritten. */
        int page(int group) {
            return pages[group];
        }
    }

    private static final class Key {
        private final long parent;
        private final int[] tokens;
        private final int hash;

        Key(long parent, int[] tokens) {
            this.parent = parent;
            this.tokens = tokens;
            this.hash = 31 * Long.hashCode(parent) + Arrays.hashCode(tokens);
        }

        @Override
        public boolean equals(Object other) {
            return other instanceof Key key && key.parent == parent && Arrays.equals(key.tokens, tokens);
        }

        @Override
        public int hashCode() {
            return hash;
        }
    }

    /** What is known of {@code tokens[from .. to)} after the prefix {@code parent}, or null. */
    Entry find(long parent, int[] tokens, int from, int to) {
        return entries.get(new Key(parent, Arrays.copyOfRange(tokens, from, to)));
    }

    /**
     * Says that page {@code index} of these tables now holds these tokens, in the groups where no older page does; returns the prefix's
     * identity.
     */
    long put(SequenceCache cache, int index, long parent, int[] tokens, int from, int to) {
        Key key = new Key(parent, Arrays.copyOfRange(tokens, from, to));
        Entry entry = entries.get(key);
        if (entry == null) {
            entry = new Entry(key, nextIdentity++, entryOfPage.size());
            entries.put(key, entry);
        }
        for (int group = 0; group < entry.pages.length; group++) {
            int page = cache.table(group).page(index);
            if (entry.pages[group] == PageTable.NONE && page != PageTable.NONE) {
                entry.pages[group] = page;
                entry.held++;
                entryOfPage.get(group).put(page, entry);
            }
        }
        if (entry.held == 0) { // given back before it was known
            entries.remove(key);
        }
        return entry.identity;
    }

    boolean holds(int group, int page) {
        return entryOfPage.get(group).containsKey(page);
    }

    /** The page is about to be overwritten. */
    void forget(int group, int page) {
        Entry entry = entryOfPage.get(group).remove(page);
        if (entry != null) {
            entry.pages[group] = PageTable.NONE;
            if (--entry.held == 0) {
                entries.remove(entry.key);
            }
        }
    }
}
