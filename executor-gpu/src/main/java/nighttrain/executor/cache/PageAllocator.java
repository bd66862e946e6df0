package nighttrain.executor.cache;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.function.IntUnaryOperator;
import java.util.stream.IntStream;
import nighttrain.executor.cache.CacheLayout.Group;
import nighttrain.executor.cache.CacheSpec.PagedKv;
import nighttrain.executor.cache.SequenceCache.PageTable;

/**
 * Allocates a replica's cache: pages of every group, and slots. Pages that fell out of a group's window are given back while their sequence runs. A
 * page that no sequence uses serves sequences that begin with the same tokens until it is needed for something else.
 */
public final class PageAllocator {
    private static final int NO_GROUP = -1;

    private final CacheLayout layout;
    private final PagePool[] pools;
    private final PrefixIndex prefixes;
    private final int snapshots; // number of the group of snapshots in the index
    private final StateSlots slots;
    private final boolean prefixCache;
    private final boolean windowed;
    private final boolean[] windows;
    private final int pageTokens;
    private final int growing;

    /**
     * @param prefixCache whether prefixes are reused, if the layout has room for them
     */
    public PageAllocator(CacheLayout layout, boolean prefixCache) {
        this.layout = layout;
        this.pageTokens = layout.pageTokens();
        this.prefixCache = prefixCache && layout.canSharePrefixes();
        this.pools = new PagePool[layout.groups().size()];
        this.snapshots = pools.length;
        this.prefixes = new PrefixIndex(pools.length + 1);
        this.slots = new StateSlots(
                layout, slot -> prefixes.holds(snapshots, slot), slot -> prefixes.forget(snapshots, slot));
        this.windows = new boolean[pools.length];
        for (int g = 0; g < pools.length; g++) {
            int group = g;
            windows[g] = layout.groups().get(g).spec().window() > 0;
            pools[g] = new PagePool(
                    layout.groups().get(g).pages(),
                    page -> prefixes.holds(group, page),
                    page -> prefixes.forget(group, page));
        }
        this.growing = IntStream.range(0, pools.length)
                .filter(group -> !windows[group])
                .boxed()
                .min(Comparator.comparingInt(group -> pools[group].pages()))
                .orElse(NO_GROUP);
        this.windowed = layout.groups().stream().anyMatch(group -> group.spec().window() > 0);
    }

    /** Returns whether sequences that begin with the same tokens share the pages of these tokens. */
    public boolean sharesPrefixes() {
        return prefixCache;
    }

    /** Returns whether sequences also share states, which needs a snapshot. */
    public boolean sharesStates() {
        return prefixCache && layout.hasStates();
    }

    /** Returns the empty cache of a new sequence. */
    public SequenceCache newCache() {
        return new SequenceCache(pools.length);
    }

    public StateSlots slots() {
        return slots;
    }

    /** Pages in all. */
    public int pages() {
        return layout.pages();
    }

    /** Pages that sequences use. */
    public int used() {
        int used = 0;
        for (PagePool pool : pools) {
            used += pool.pages() - pool.available();
        }
        return used;
    }

    /** Tokens in one page. */
    public int pageTokens() {
        return pageTokens;
    }

    /** Pages that {@code tokens} tokens fill; the last may be filled in part. */
    public int pagesFor(int tokens) {
        return PagedKv.pagesFor(tokens, pageTokens);
    }

    /** Returns the pages of the smallest group without a window, where sequences grow to their end; unbounded if there is no such group. */
    public long growing() {
        return growing == NO_GROUP ? Integer.MAX_VALUE : pools[growing].pages();
    }

    /** Returns how many of the pages of {@link #growing()} sequences use. */
    public long growingUsed() {
        return growing == NO_GROUP ? 0 : pools[growing].pages() - pools[growing].available();
    }

    /** Returns how many of the pages of {@link #growing()} one sequence uses. */
    public int growing(SequenceCache cache) {
        return growing == NO_GROUP ? 0 : cache.table(growing).held();
    }

    /** Pages of a group that can be allocated now. */
    int available(int group) {
        return pools[group].available();
    }

    /**
     * Returns the most tokens of one sequence that a step may compute, so that a sequence that runs alone always finds pages.
     *
     * @param maxModelLen tokens of the longest sequence
     */
    public int longestChunk(int maxModelLen) {
        long longest = maxModelLen;
        for (Group group : layout.groups()) {
            if (group.pages() < PagedKv.pagesFor(maxModelLen, pageTokens)
                    && group.spec().window() > 0) {
                longest = Math.min(
                        longest,
                        (group.pages() - 1L) * pageTokens - group.spec().window() + 1);
            }
        }
        if (longest < 1) {
            throw new IllegalArgumentException("pages: " + layout + " (a window and two pages at least)");
        }
        return (int) longest;
    }

    /**
     * Returns whether a sequence of {@code tokens} tokens, in pieces of at most {@code chunk}, finds room while {@code spare} pages of each group
     * stay free.
     */
    public boolean hasRoom(SequenceCache cache, int tokens, int chunk, int spare) {
        for (int g = 0; g < pools.length; g++) {
            PageTable table = cache.table(g);
            int most = layout.groups().get(g).spec().pages(tokens, chunk, pageTokens);
            int missing = Math.min(most, PagedKv.pagesFor(tokens, pageTokens) - table.first()) - table.held();
            if (missing + spare > pools[g].available()) {
                return false;
            }
        }
        return !layout.hasStates() || slots.available() > 0;
    }

    /**
     * Gives a sequence that begins its slot and its pages: for {@code tokens} tokens in groups without a window, for the first {@code soon} of them
     * in groups with one. Returns {@code false} and does nothing if there are too few pages.
     */
    public boolean begin(SequenceCache cache, int tokens, int soon) {
        if (!extend(cache, tokens, soon)) {
            return false;
        }
        if (layout.hasStates()) {
            slots.begin(cache);
        }
        return true;
    }

    /** Grows {@code cache} until it covers {@code tokens} tokens. Returns {@code false} and does nothing if there are too few pages. */
    public boolean extend(SequenceCache cache, int tokens) {
        return extend(cache, tokens, tokens);
    }

    private boolean extend(SequenceCache cache, int tokens, int windowedTokens) {
        int all = PagedKv.pagesFor(tokens, pageTokens);
        int passing = PagedKv.pagesFor(windowedTokens, pageTokens);
        for (int g = 0; g < pools.length; g++) {
            int missing = (windows[g] ? passing : all) - cache.table(g).size();
            if (missing > 0 && missing > pools[g].available()) {
                return false;
            }
        }
        for (int g = 0; g < pools.length; g++) {
            PageTable table = cache.table(g);
            for (int missing = (windows[g] ? passing : all) - table.size(); missing > 0; missing--) {
                table.append(pools[g].take());
            }
        }
        return true;
    }

    /** Returns whether a group has a window, so that pages can be given back early. */
    public boolean isWindowed() {
        return windowed;
    }

    /**
     * Takes back the pages that no token from {@code position} on sees. Steps under way may still read them: their next owner writes in a later step.
     */
    public void giveBackUnseen(SequenceCache cache, int position) {
        for (int g = 0; g < pools.length; g++) {
            PageTable table = cache.table(g);
            int seen = layout.groups().get(g).spec().firstVisible(position) / pageTokens;
            while (table.held() > 0 && table.first() < seen) {
                pools[g].leave(table.dropFirst());
            }
        }
    }

    /**
     * Gives an empty cache the pages of the longest known prefix of {@code tokens[0 .. length)}, and leaves at least one token to compute. Returns
     * the number of tokens in the prefix. In a group with a window it needs and takes only the pages that the next token sees. If layers keep a
     * state, only a prefix with a snapshot counts.
     */
    public int adoptPrefix(SequenceCache cache, int[] tokens, int length) {
        List<PrefixIndex.Entry> chain = chain(tokens, length);
        int pages = usable(chain);
        if (pages == 0) {
            return 0;
        }
        for (int g = 0; g < pools.length; g++) {
            int group = g;
            share(cache, g, pages, i -> chain.get(i).page(group));
        }
        PrefixIndex.Entry prefix = chain.get(pages - 1);
        cache.identify(prefixes.hold(prefix), pages);
        if (layout.hasStates()) {
            slots.restore(cache, prefix.page(snapshots));
        }
        return pages * pageTokens;
    }

    /** Gives an empty cache the full pages that {@code other} has published, and returns the number of their tokens. */
    public int adoptPages(SequenceCache cache, SequenceCache other) {
        int pages = other.identified();
        for (int g = 0; g < pools.length; g++) {
            share(cache, g, pages, other.table(g)::page);
        }
        cache.identify(prefixes.hold(other.prefix()), pages);
        return pages * pageTokens;
    }

    /** Shares those of the first {@code pages} pages that the token after them sees. */
    private void share(SequenceCache cache, int group, int pages, IntUnaryOperator pageAt) {
        int first = firstNeeded(group, pages);
        cache.table(group).beginAt(first);
        for (int i = first; i < pages; i++) {
            int page = pageAt.applyAsInt(i);
            pools[group].share(page);
            cache.table(group).append(page);
        }
    }

    /** Returns the number of tokens that {@link #adoptPrefix} would find. */
    public int knownPrefix(int[] tokens, int length) {
        return usable(chain(tokens, length)) * pageTokens;
    }

    private List<PrefixIndex.Entry> chain(int[] tokens, int length) {
        List<PrefixIndex.Entry> chain = new ArrayList<>();
        PrefixIndex.Entry last = null;
        for (int at = 0; prefixCache && at + pageTokens < length; at += pageTokens) {
            last = prefixes.find(last, tokens, at, at + pageTokens);
            if (last == null) {
                break;
            }
            chain.add(last);
        }
        return chain;
    }

    /**
     * Returns the most pages of {@code chain} after which every group still has the pages that the next token sees, with a snapshot if layers keep a
     * state.
     */
    private int usable(List<PrefixIndex.Entry> chain) {
        int[] unbroken = new int[pools.length]; // every page from here on is in the cache
        int usable = 0;
        for (int pages = 1; pages <= chain.size(); pages++) {
            boolean complete = !layout.hasStates() || chain.get(pages - 1).page(snapshots) != PagePool.NONE;
            for (int g = 0; g < pools.length; g++) {
                if (chain.get(pages - 1).page(g) == PagePool.NONE) {
                    unbroken[g] = pages;
                }
                complete &= unbroken[g] <= firstNeeded(g, pages);
            }
            usable = complete ? pages : usable;
        }
        return usable;
    }

    /** Returns the first page that the token after {@code pages} full pages sees. */
    private int firstNeeded(int group, int pages) {
        PagedKv spec = layout.groups().get(group).spec();
        return Math.min(pages, spec.firstVisible(pages * pageTokens) / pageTokens);
    }

    /** Publishes the pages that {@code tokens[0 .. computed)} have filled since the last call, so that other sequences can share them. */
    public void publish(SequenceCache cache, int[] tokens, int computed) {
        while (prefixCache && (cache.identified() + 1) * pageTokens <= computed) {
            int page = cache.identified();
            PrefixIndex.Entry before = cache.prefix();
            PrefixIndex.Entry prefix = prefixes.hold(before, tokens, page * pageTokens, (page + 1) * pageTokens);
            for (int group = 0; group < cache.groups(); group++) {
                prefixes.put(prefix, group, cache.table(group).page(page));
            }
            cache.identify(prefix, page + 1);
            prefixes.letGo(before);
        }
    }

    /** Reserves a slot for the snapshot that {@link #saveSnapshot} makes; returns {@code false} if no slot is left. */
    public boolean reserveSnapshot(SequenceCache cache) {
        return slots.reserve(cache);
    }

    /** Saves the state after the steps planned so far, for other sequences. All tokens of these steps must be published and fill whole pages. */
    public void saveSnapshot(SequenceCache cache) {
        prefixes.put(cache.prefix(), snapshots, cache.reserved());
        slots.save(cache);
    }

    /** Takes back all pages and slots of a sequence. The last page comes first, so that the beginnings of prefixes stay longer than their ends. */
    public void release(SequenceCache cache) {
        for (int g = 0; g < pools.length; g++) {
            PageTable table = cache.table(g);
            for (int i = table.size() - 1; i >= table.first(); i--) {
                pools[g].leave(table.page(i));
            }
        }
        slots.release(cache);
        prefixes.letGo(cache.prefix());
        cache.clear();
    }

    /** Returns whether every page and slot is exactly one of free, cached and used; for tests. */
    public boolean isConsistent() {
        for (PagePool pool : pools) {
            if (!pool.isConsistent()) {
                return false;
            }
        }
        return slots.isConsistent();
    }
}
