package nighttrain.executor.cache;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Finds full pages by their content: a page's identity is its tokens and the identity of the page before it, so that a chain of matches is a shared
 * prefix. Identities are numbers given once, never hashes: two different prefixes are never confused. A snapshot of a prefix's states counts as the
 * prefix's page in a separate group.
 *
 * <p>A prefix stays known while anything holds it: a page, a longer prefix, or a sequence that may extend it.
 */
final class PrefixIndex {
    /** The identity of the empty prefix. */
    private static final long NO_PREFIX = 0;

    private final Map<Key, Entry> entries = new HashMap<>();
    private final List<Map<Integer, Entry>> entryOfPage = new ArrayList<>();
    private long nextIdentity = NO_PREFIX + 1;

    PrefixIndex(int groups) {
        for (int group = 0; group < groups; group++) {
            entryOfPage.add(new HashMap<>());
        }
    }

    /** A prefix that ends with a full page, and the number of that page in every group that still holds it. */
    static final class Entry {
        private final Entry parent;
        private final Key key;
        private final long identity;
        private final int[] pages;
        private int holders;

        private Entry(Entry parent, Key key, long identity, int groups) {
            this.parent = parent;
            this.key = key;
            this.identity = identity;
            this.pages = new int[groups];
            Arrays.fill(pages, PagePool.NONE);
        }

        /** Its page in a group; {@link PagePool#NONE} if the page was overwritten. */
        int page(int group) {
            return pages[group];
        }
    }

    private static final class Key {
        private final long parent;
        private final int[] tokens;
        private final int hash;

        Key(Entry parent, int[] tokens) {
            this.parent = parent == null ? NO_PREFIX : parent.identity;
            this.tokens = tokens;
            this.hash = 31 * Long.hashCode(this.parent) + Arrays.hashCode(tokens);
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

    /** Returns the prefix of {@code tokens[from .. to)} after {@code parent}, or null if it is not known. */
    Entry find(Entry parent, int[] tokens, int from, int to) {
        return entries.get(new Key(parent, Arrays.copyOfRange(tokens, from, to)));
    }

    /** Returns the prefix of {@code tokens[from .. to)} after {@code parent}, and adds the caller as a holder. */
    Entry hold(Entry parent, int[] tokens, int from, int to) {
        Key key = new Key(parent, Arrays.copyOfRange(tokens, from, to));
        Entry entry = entries.get(key);
        if (entry == null) {
            entry = new Entry(hold(parent), key, nextIdentity++, entryOfPage.size());
            entries.put(key, entry);
        }
        return hold(entry);
    }

    /** Records that {@code page} holds the prefix in the group, unless an older page does. */
    void put(Entry entry, int group, int page) {
        if (entry.pages[group] == PagePool.NONE && page != PagePool.NONE) {
            entry.pages[group] = page;
            hold(entry);
            entryOfPage.get(group).put(page, entry);
        }
    }

    /** Adds a holder of {@code entry}, which may be null. */
    Entry hold(Entry entry) {
        if (entry != null) {
            entry.holders++;
        }
        return entry;
    }

    /** Removes a holder of {@code entry}, which may be null. */
    void letGo(Entry entry) {
        for (Entry at = entry; at != null && --at.holders == 0; at = at.parent) {
            entries.remove(at.key);
        }
    }

    boolean holds(int group, int page) {
        return entryOfPage.get(group).containsKey(page);
    }

    /** Removes the page from the index: it is about to be overwritten. */
    void forget(int group, int page) {
        Entry entry = entryOfPage.get(group).remove(page);
        if (entry != null) {
            entry.pages[group] = PagePool.NONE;
            letGo(entry);
        }
    }
}
