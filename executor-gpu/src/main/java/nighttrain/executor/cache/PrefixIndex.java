package nighttrain.executor.cache;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Finds full pages by what they hold: a page's identity is its tokens and the identity of the page before it, so that a chain
 * of matches is a shared prefix. Identities are numbers given once, never hashes: two different prefixes are never confused. What layers
 * with a state keep of a prefix, a snapshot, counts as its page in a group of its own.
 *
 * <p>A prefix is known as long as anything holds it: a page, a longer prefix, or a sequence that is about to make it longer.
 */
final class PrefixIndex {
    /** The identity of the prefix that no page holds. */
    private static final long NO_PREFIX = 0;

    private final Map<Key, Entry> entries = new HashMap<>();
    private final List<Map<Integer, Entry>> entryOfPage = new ArrayList<>();
    private long nextIdentity = NO_PREFIX + 1;

    PrefixIndex(int groups) {
        for (int group = 0; group < groups; group++) {
            entryOfPage.add(new HashMap<>());
        }
    }

    /** A prefix that ends with a full page, and the page's place in every group that still holds it. */
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

        /** Its page in a group; {@link PagePool#NONE} where that was overwritten. */
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

    /** What is known of {@code tokens[from .. to)} after the prefix {@code parent}, or null. */
    Entry find(Entry parent, int[] tokens, int from, int to) {
        return entries.get(new Key(parent, Arrays.copyOfRange(tokens, from, to)));
    }

    /** The prefix of {@code tokens[from .. to)} after {@code parent}, which the caller holds from now on. */
    Entry hold(Entry parent, int[] tokens, int from, int to) {
        Key key = new Key(parent, Arrays.copyOfRange(tokens, from, to));
        Entry entry = entries.get(key);
        if (entry == null) {
            entry = new Entry(hold(parent), key, nextIdentity++, entryOfPage.size());
            entries.put(key, entry);
        }
        return hold(entry);
    }

    /** Says that {@code page} holds what the group keeps of the prefix, unless an older page does. */
    void put(Entry entry, int group, int page) {
        if (entry.pages[group] == PagePool.NONE && page != PagePool.NONE) {
            entry.pages[group] = page;
            hold(entry);
            entryOfPage.get(group).put(page, entry);
        }
    }

    /** One more holds {@code entry}, which may be null. */
    Entry hold(Entry entry) {
        if (entry != null) {
            entry.holders++;
        }
        return entry;
    }

    /** One less holds {@code entry}, which may be null. */
    void letGo(Entry entry) {
        for (Entry at = entry; at != null && --at.holders == 0; at = at.parent) {
            entries.remove(at.key);
        }
    }

    boolean holds(int group, int page) {
        return entryOfPage.get(group).containsKey(page);
    }

    /** The page is about to be overwritten. */
    void forget(int group, int page) {
        Entry entry = entryOfPage.get(group).remove(page);
        if (entry != null) {
            entry.pages[group] = PagePool.NONE;
            letGo(entry);
        }
    }
}
