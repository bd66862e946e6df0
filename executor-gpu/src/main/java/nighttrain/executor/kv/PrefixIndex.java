package nighttrain.executor.kv;

import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;

/**
 * Finds full pages by what they hold: a page's identity is its tokens and the identity of the page before it, so that a chain
 * of matches is a shared prefix. Identities are numbers given once, never hashes: two different prefixes are never confused.
 */
final class PrefixIndex {
    /** The identity of "nothing before". */
    static final long ROOT = 0;

    private final Map<Key, Entry> entries = new HashMap<>();
    private final Map<Integer, Key> keyOfPage = new HashMap<>();
    private long nextIdentity = ROOT + 1;

    /** A page and the identity of the prefix that ends with it. */
    record Entry(int page, long identity) {}

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

    /** The page that holds {@code tokens[from .. to)} after the prefix {@code parent}, or null. */
    Entry find(long parent, int[] tokens, int from, int to) {
        return entries.get(new Key(parent, Arrays.copyOfRange(tokens, from, to)));
    }

    /** Says that {@code page} now holds these tokens; returns the prefix's identity, an older page's where one holds the same. */
    long put(int page, long parent, int[] tokens, int from, int to) {
        Key key = new Key(parent, Arrays.copyOfRange(tokens, from, to));
        Entry existing = entries.get(key);
        if (existing != null) {
            return existing.identity();
        }
        Entry entry = new Entry(page, nextIdentity++);
        entries.put(key, entry);
        keyOfPage.put(page, key);
        return entry.identity();
    }

    boolean holds(int page) {
        return keyOfPage.containsKey(page);
    }

    /** The page is about to be overwritten. */
    void forget(int page) {
        Key key = keyOfPage.remove(page);
        if (key != null) {
            entries.remove(key);
        }
    }
}
