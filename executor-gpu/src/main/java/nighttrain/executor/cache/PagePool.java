package nighttrain.executor.cache;

import java.util.Iterator;
import java.util.LinkedHashSet;
import java.util.function.IntConsumer;
import java.util.function.IntPredicate;

/**
 * The pages of one group, or the slots of states, with the number of users of each. A page without users whose content is known is kept until it is
 * needed for something else; the page unused for longest is taken first.
 */
final class PagePool {
    /** Stands for a page or a slot that was given back or never taken: no device may read it. */
    static final int NONE = -1;

    private final int[] users;
    private final int[] free;
    private final LinkedHashSet<Integer> cached = new LinkedHashSet<>();
    private final IntPredicate known;
    private final IntConsumer overwritten;
    private int freeCount;

    /**
     * @param known whether other sequences may use the content of a page
     * @param overwritten called with each such page that is taken for something else
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

    /** Pages that can be allocated now. */
    int available() {
        return freeCount + cached.size();
    }

    /** Allocates a page for new content. */
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

    /** Adds a user of {@code page}, whose content is known. */
    void share(int page) {
        if (users[page]++ == 0) {
            cached.remove(page);
        }
    }

    /** Removes a user of {@code page}. */
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
