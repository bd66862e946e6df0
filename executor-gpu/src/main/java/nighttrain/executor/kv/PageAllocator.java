package nighttrain.executor.kv;

import java.util.Iterator;
import java.util.LinkedHashSet;

/**
 * Hands out the pages of a KV cache and counts who uses them. A page that nobody uses any more but whose content is known is
 * kept until its room is needed, the longest unused first.
 */
public final class PageAllocator {
    private final int[] users;
    private final int[] free;
    private int freeCount;
    private final LinkedHashSet<Integer> cached = new LinkedHashSet<>();
    private final PrefixIndex prefixes = new PrefixIndex();
    private final boolean prefixCache;
    private final int pageTokens;

    public PageAllocator(KvLayout layout, boolean prefixCache) {
        this.users = new int[layout.pages()];
        this.free = new int[layout.pages()];
        this.pageTokens = layout.pageTokens();
        this.prefixCache = prefixCache;
        this.freeCount = layout.pages();
        for (int i = 0; i < freeCount; i++) {
            free[i] = freeCount - 1 - i;
        }
    }

    public int pageTokens() {
        return pageTokens;
    }

    /** Pages in all. */
    public int pages() {
        return users.length;
    }

    /** Pages that could be handed out now. */
    public int available() {
        return freeCount + cached.size();
    }

    /** Pages that a sequence uses. */
    public int used() {
        return users.length - available();
    }

    /** Grows {@code table} until it covers {@code tokens} tokens; {@code false}, and nothing done, where pages are short. */
    public boolean extend(PageTable table, int tokens) {
        int missing = KvLayout.pagesFor(tokens, pageTokens) - table.size();
        if (missing > available()) {
            return false;
        }
        for (int i = 0; i < missing; i++) {
            int page = take();
            users[page] = 1;
            table.append(page);
        }
        return true;
    }

    private int take() {
        if (freeCount > 0) {
            return free[--freeCount];
        }
        Iterator<Integer> longestUnused = cached.iterator();
        int page = longestUnused.next();
        longestUnused.remove();
        prefixes.forget(page);
        return page;
    }

    /**
     * Gives an empty table the pages of the longest known prefix of {@code tokens[0 .. length)}, leaving at least one token
     * to compute; returns how many tokens they hold.
     */
    public int adoptPrefix(PageTable table, int[] tokens, int length) {
        int at = 0;
        while (prefixCache && at + pageTokens < length) {
            PrefixIndex.Entry entry = prefixes.find(table.identity(), tokens, at, at + pageTokens);
            if (entry == null) {
                break;
            }
            if (users[entry.page()]++ == 0) {
                cached.remove(entry.page());
            }
            table.append(entry.page());
            table.identify(entry.identity());
            at += pageTokens;
        }
        return at;
    }

    /** Makes the pages that {@code tokens[0 .. computed)} have filled since the last call known to others. */
    public void publish(PageTable table, int[] tokens, int computed) {
        while (prefixCache && (table.identified() + 1) * pageTokens <= computed) {
            int from = table.identified() * pageTokens;
            table.identify(
                    prefixes.put(table.page(table.identified()), table.identity(), tokens, from, from + pageTokens));
        }
    }

    /** Takes all pages back, the last first, so that the heads of prefixes outlive their tails. */
    public void release(PageTable table) {
        for (int i = table.size() - 1; i >= 0; i--) {
            int page = table.page(i);
            if (--users[page] == 0) {
                if (prefixes.holds(page)) {
                    cached.add(page);
                } else {
                    free[freeCount++] = page;
                }
            }
        }
        table.clear();
    }

    /** Whether every page is either free, cached or used, exactly once: for tests. */
    public boolean isConsistent() {
        long unused = 0;
        for (int count : users) {
            if (count < 0) {
                return false;
            }
            unused += count == 0 ? 1 : 0;
        }
        return unused == available() && cached.stream().allMatch(page -> users[page] == 0 && prefixes.holds(page));
    }
}
