package nighttrain.executor.cache;

import java.util.Iterator;
import java.util.LinkedHashSet;
import java.util.function.IntConsumer;
import java.util.function.IntPredicate;

/**
 * The pages of one group, or the slots of states, and how many use each. A page that nobody uses any more but whose content is known is
 * kept until its room is needed, the longest unused first.
 */
final class PagePool {
    /** In the place of a page or a slot that was given back, or never taken: no device may read it. */
    static final int NONE = -1;

    private final int[] users;
    private final int[] free;
    private final LinkedHashSet<Integer> cached = new LinkedHashSet<>();
    private final IntPredicate known;
    private final IntConsumer overwritten;
    private int freeCount;

    /**
     * @param known whether others may come to use what a page holds
     * @param overwritten hears of each such page that is taken for something else
     */
    PagePool(int pages, IntPredicate known, IntConsumer overwritten) {
        this.users = new int[pages];
        this.free = new int[pages];
        this.known = known;
        this.overwritten = overwritten;
        this.freeCount = pages;
        for (int i = 0; i < pages; i++) {
            free[i] = pages - 1 - i;
        }
    }

    int pages() {
        return users.length;
    }

    /** Pages that could be handed out now. */
    int available() {
        return freeCount + cached.size();
    }

    /** A page for something new. */
    int take() {
        int page;
        if (freeCount > 0) {
            page = free[--freeCount];
        } else {
            Iterator<Integer> longestUnused = cached.iterator();
            page = longestUnused.next();
            longestUnused.remove();
            overwritten.accept(page);
        }
        users[page] = 1;
        return page;
    }

    /** One more sequence uses {@code page}, whose content is known. */
    void share(int page) {
        if (users[page]++ == 0) {
            cached.remove(page);
        }
    }

    /** A sequence does not use {@code page} any more. */
    void leave(int page) {
        if (--users[page] == 0) {
            if (known.test(page)) {
                cached.add(page);
            } else {
                free[freeCount++] = page;
            }
        }
    }

    boolean isConsistent() {
        long unused = 0;
        for (int count : users) {
            if (count < 0) {
                return false;
            }
            unused += count == 0 ? 1 : 0;
        }
        return unused == available() && cached.stream().allMatch(page -> users[page] == 0 && known.test(page));
    }
}
