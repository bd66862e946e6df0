package nighttrain.executor.cache;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import nighttrain.executor.cache.CacheLayout.Group;
import nighttrain.executor.cache.CacheSpec.PagedKv;
import nighttrain.executor.cache.CacheSpec.RecurrentState;
import nighttrain.executor.reference.Shapes;
import nighttrain.executor.step.Batch.SlotCopy;
import nighttrain.executor.step.Batch.StateCopies;
import nighttrain.io.UserError;
import nighttrain.io.spec.ModelSpec;
import nighttrain.io.spec.Wiring;
import org.junit.jupiter.api.Test;

class PageAllocatorTest {
    @Test
    void sharesFullPagesOfACommonPrefixAndLeavesATokenToCompute() {
        PageAllocator pages = new PageAllocator(CacheLayout.ofPages(4, 10), true);
        int[] tokens = {1, 2, 3, 4, 5, 6, 7, 8};
        SequenceCache first = pages.newCache();
        assertThat(pages.extend(first, 8)).isTrue();
        pages.publish(first, tokens, 8);

        SequenceCache same = pages.newCache();
        assertThat(pages.adoptPrefix(same, tokens, 8))
                .as("the last token must be computed")
                .isEqualTo(4);
        SequenceCache longer = pages.newCache();
        assertThat(pages.adoptPrefix(longer, new int[] {1, 2, 3, 4, 5, 6, 7, 8, 9}, 9))
                .isEqualTo(8);
        SequenceCache other = pages.newCache();
        assertThat(pages.adoptPrefix(other, new int[] {1, 2, 3, 9, 5, 6, 7, 8, 9}, 9))
                .isZero();
        assertThat(longer.table(0).page(1)).isEqualTo(first.table(0).page(1));
        assertThat(pages.used()).isEqualTo(2);
    }

    @Test
    void aPageMeansNothingWithoutThePagesBefore() {
        PageAllocator pages = new PageAllocator(CacheLayout.ofPages(2, 10), true);
        SequenceCache first = pages.newCache();
        pages.extend(first, 4);
        pages.publish(first, new int[] {1, 1, 7, 7}, 4);
        SequenceCache other = pages.newCache();
        assertThat(pages.adoptPrefix(other, new int[] {7, 7, 1}, 3)).isZero();
    }

    @Test
    void releasedPrefixesStayUntilTheirRoomIsNeeded() {
        PageAllocator pages = new PageAllocator(CacheLayout.ofPages(2, 4), true);
        SequenceCache first = pages.newCache();
        pages.extend(first, 4);
        pages.publish(first, new int[] {1, 2, 3, 4}, 4);
        pages.release(first);
        assertThat(pages.available(0)).isEqualTo(4);

        SequenceCache hog = pages.newCache();
        assertThat(pages.extend(hog, 6)).isTrue();
        SequenceCache again = pages.newCache();
        assertThat(pages.adoptPrefix(again, new int[] {1, 2, 3, 4, 5}, 5))
                .as("the tail went first")
                .isEqualTo(2);
        assertThat(pages.extend(again, 5)).isFalse();
        assertThat(pages.isConsistent()).isTrue();
    }

    @Test
    void withoutPrefixCacheNothingIsShared() {
        PageAllocator pages = new PageAllocator(CacheLayout.ofPages(2, 4), false);
        SequenceCache first = pages.newCache();
        pages.extend(first, 4);
        pages.publish(first, new int[] {1, 2, 3, 4}, 4);
        assertThat(pages.adoptPrefix(pages.newCache(), new int[] {1, 2, 3, 4, 5}, 5))
                .isZero();
    }

    @Test
    void aWindowGivesPagesBackAndServesPrefixesFromThoseThatAreStillThere() {
        PagedKv all = new PagedKv(1, 1, 0, 1);
        PagedKv window = new PagedKv(1, 1, 4, 1);
        CacheLayout layout =
                new CacheLayout(2, List.of(new Group(all, List.of(0), 20), new Group(window, List.of(1), 5)));
        PageAllocator pages = new PageAllocator(layout, true);
        int[] tokens = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13};
        SequenceCache first = pages.newCache();
        assertThat(pages.extend(first, 6)).isTrue();
        pages.publish(first, tokens, 6);
        assertThat(pages.extend(first, 12)).as("five pages in all").isFalse();
        pages.giveBackUnseen(first, 6);
        assertThat(first.table(1).held()).as("token 6 sees 3 to 6").isEqualTo(2);
        assertThat(first.table(1).page(0)).as("no device may read it").isNegative();
        assertThat(first.table(0).held()).isEqualTo(3);
        assertThat(pages.extend(first, 12)).isTrue();
        pages.publish(first, tokens, 12);
        pages.giveBackUnseen(first, 12);
        assertThat(first.table(1).held()).as("token 12 sees 9 to 12").isEqualTo(2);

        SequenceCache same = pages.newCache();
        assertThat(pages.adoptPrefix(same, tokens, 13)).isEqualTo(12);
        assertThat(same.table(1).page(5)).isEqualTo(first.table(1).page(5));
        assertThat(same.table(1).held()).as("no more than the next token sees").isEqualTo(2);
        SequenceCache shorter = pages.newCache();
        assertThat(pages.adoptPrefix(shorter, tokens, 7))
                .as("given back, but not overwritten")
                .isEqualTo(6);
        pages.release(shorter);

        SequenceCache hog = pages.newCache();
        assertThat(pages.extend(hog, 6)).isTrue();
        assertThat(pages.adoptPrefix(pages.newCache(), tokens, 7))
                .as("what its window would need is overwritten")
                .isZero();
        assertThat(pages.adoptPrefix(pages.newCache(), tokens, 13)).isEqualTo(12);
        assertThat(pages.isConsistent()).isTrue();
    }

    @Test
    void slotsAreFew() {
        CacheLayout layout = CacheLayout.of(List.of(new PagedKv(1, 1, 0, 1), new RecurrentState(8)), 2, 10, 2);
        PageAllocator pages = new PageAllocator(layout, true);
        SequenceCache first = pages.newCache();
        SequenceCache second = pages.newCache();
        assertThat(pages.begin(first, 2, 2)).isTrue();
        assertThat(pages.begin(second, 2, 2)).isTrue();
        assertThat(first.slot()).isNotEqualTo(second.slot());
        assertThat(pages.hasRoom(pages.newCache(), 2, 2, 0))
                .as("pages, but no slot")
                .isFalse();
        pages.release(first);
        assertThat(first.slot()).isEqualTo(PagePool.NONE);
        assertThat(pages.hasRoom(pages.newCache(), 2, 2, 0)).isTrue();
        assertThat(pages.slots().available()).isOne();
    }

    private static CacheLayout withStates(int pages, int window, int slots, int snapshots) {
        return CacheLayout.of(
                        List.of(new PagedKv(1, 1, 0, 1), new PagedKv(1, 1, window, 1), new RecurrentState(8)),
                        2,
                        pages,
                        slots)
                .withSnapshots(snapshots);
    }

    private static SequenceCache begun(PageAllocator pages, int[] tokens, int length) {
        SequenceCache cache = pages.newCache();
        pages.adoptPrefix(cache, tokens, length);
        assertThat(pages.begin(cache, length, length)).isTrue();
        return cache;
    }

    /** Saves a snapshot as two steps do: the one that ends at the cut of a sequence and the one after it. */
    private static StateCopies save(PageAllocator pages, SequenceCache cache, int[] tokens, int cut) {
        assertThat(pages.reserveSnapshot(cache)).isTrue();
        pages.publish(cache, tokens, cut);
        pages.saveSnapshot(cache);
        return pages.slots().takeCopies();
    }

    @Test
    void aStateIsSharedWhereASnapshotWasSaved() {
        PageAllocator pages = new PageAllocator(withStates(20, 4, 3, 1), true);
        int[] tokens = {1, 2, 3, 4, 5, 6, 7};
        SequenceCache first = begun(pages, tokens, 7);
        pages.publish(first, tokens, 2);
        assertThat(pages.knownPrefix(tokens, 7)).as("pages alone").isZero();
        StateCopies saved = save(pages, first, tokens, 4);
        assertThat(saved.restored()).isEmpty();
        assertThat(saved.saved()).singleElement().satisfies(copy -> {
            assertThat(copy.from()).isEqualTo(first.slot());
            assertThat(copy.to()).isNotEqualTo(first.slot());
        });
        pages.publish(first, tokens, 6);
        assertThat(pages.knownPrefix(tokens, 7))
                .as("no snapshot behind the cut")
                .isEqualTo(4);
        assertThat(pages.knownPrefix(tokens, 4))
                .as("one token is to be computed")
                .isZero();

        SequenceCache second = begun(pages, tokens, 7);
        assertThat(second.table(0).page(1)).isEqualTo(first.table(0).page(1));
        assertThat(pages.slots().takeCopies().restored())
                .containsExactly(new SlotCopy(saved.saved().get(0).to(), second.slot()));
        pages.release(first);
        pages.release(second);
        assertThat(pages.slots().available()).isEqualTo(3);
        assertThat(pages.isConsistent()).isTrue();
    }

    @Test
    void withoutPagesASnapshotIsAllThatAPrefixHas() {
        CacheLayout layout =
                CacheLayout.of(List.of(new RecurrentState(8)), 2, 0, 2).withSnapshots(1);
        PageAllocator pages = new PageAllocator(layout, true);
        int[] tokens = {1, 2, 3, 4, 5, 6, 7};
        SequenceCache first = begun(pages, tokens, 7);
        save(pages, first, tokens, 6);
        pages.release(first);
        assertThat(pages.knownPrefix(tokens, 7)).isEqualTo(6);
        assertThat(pages.knownPrefix(new int[] {1, 2, 3, 4, 5, 5, 7}, 7)).isZero();
        assertThat(pages.isConsistent()).isTrue();
    }

    @Test
    void theLongestUnusedSnapshotMakesRoomAndNoneThatIsStillToBeCopied() {
        PageAllocator pages = new PageAllocator(withStates(100, 4, 2, 2), true);
        int[][] texts = {{1, 1, 1}, {2, 2, 2}, {3, 3, 3}, {4, 4, 4}, {5, 5, 5}};
        for (int i = 0; i < 4; i++) {
            SequenceCache one = begun(pages, texts[i], 3);
            save(pages, one, texts[i], 2);
            pages.release(one);
        }
        // The fourth sequence and three snapshots held all slots: its snapshot took the slot of the first's.
        assertThat(pages.knownPrefix(texts[0], 3)).isZero();
        assertThat(pages.knownPrefix(texts[1], 3)).isEqualTo(2);
        SequenceCache user = pages.newCache();
        pages.adoptPrefix(user, texts[1], 3);
        SequenceCache hog = pages.newCache();
        assertThat(pages.begin(hog, 1, 1)).isTrue();
        assertThat(pages.reserveSnapshot(hog)).isTrue();
        assertThat(pages.slots().available()).isOne();
        assertThat(pages.reserveSnapshot(pages.newCache())).isTrue();
        assertThat(pages.reserveSnapshot(pages.newCache()))
                .as("one is to be copied")
                .isFalse();
        assertThat(pages.knownPrefix(texts[1], 3)).isEqualTo(2);
        assertThat(pages.knownPrefix(texts[2], 3)).isZero();
        assertThat(pages.hasRoom(user, 3, 3, 0)).as("pages, but no slot").isFalse();
        pages.release(hog);
        assertThat(pages.begin(user, 3, 3)).isTrue();
        assertThat(pages.isConsistent()).isTrue();
    }

    @Test
    void aSnapshotIsNothingWithoutThePagesThatItsWindowsNeed() {
        PageAllocator pages = new PageAllocator(withStates(4, 4, 3, 1), true);
        int[] tokens = {1, 2, 3, 4, 5, 6, 7};
        SequenceCache first = begun(pages, tokens, 7);
        save(pages, first, tokens, 4);
        pages.release(first);
        assertThat(pages.knownPrefix(tokens, 7)).isEqualTo(4);
        SequenceCache hog = pages.newCache();
        assertThat(pages.extend(hog, 6)).isTrue();
        assertThat(pages.knownPrefix(tokens, 7)).isZero();
        pages.release(hog);
        SequenceCache again = begun(pages, tokens, 7);
        pages.publish(again, tokens, 4);
        assertThat(pages.knownPrefix(tokens, 7))
                .as("pages are there again, the snapshot is still")
                .isEqualTo(4);
    }

    /** Compares the cache with a simple model of it: a matched page must hold the content that it was last written with. */
    @Test
    void neverMixesUpContentInTenThousandRandomSteps() {
        Random random = new Random(3);
        int pageTokens = 2;
        PageAllocator pages = new PageAllocator(CacheLayout.ofPages(pageTokens, 12), true);
        Map<Integer, List<Integer>> contentOfPage = new HashMap<>();
        record Live(SequenceCache table, int[] tokens) {}
        List<Live> live = new ArrayList<>();
        int adopted = 0;
        for (int step = 0; step < 10_000; step++) {
            if (random.nextBoolean() || live.isEmpty()) {
                int[] tokens = random.ints(1 + random.nextInt(9), 0, 2).toArray();
                SequenceCache table = pages.newCache();
                int cached = pages.adoptPrefix(table, tokens, tokens.length);
                adopted += cached;
                for (int p = 0; p < cached / pageTokens; p++) {
                    assertThat(contentOfPage.get(table.table(0).page(p)))
                            .isEqualTo(prefix(tokens, (p + 1) * pageTokens));
                }
                if (pages.extend(table, tokens.length)) {
                    for (int p = cached / pageTokens; p < table.table(0).size(); p++) {
                        contentOfPage.put(
                                table.table(0).page(p), prefix(tokens, Math.min(tokens.length, (p + 1) * pageTokens)));
                    }
                    pages.publish(table, tokens, tokens.length);
                    live.add(new Live(table, tokens));
                } else {
                    pages.release(table);
                }
            } else {
                pages.release(live.remove(random.nextInt(live.size())).table());
            }
            assertThat(pages.isConsistent()).isTrue();
        }
        assertThat(adopted).isGreaterThan(1_000);
        live.forEach(l -> pages.release(l.table()));
        assertThat(pages.used()).isZero();
    }

    private static List<Integer> prefix(int[] tokens, int length) {
        return java.util.Arrays.stream(tokens, 0, length).boxed().toList();
    }

    @Test
    void tooLittleMemoryNamesTheShortfall() {
        ModelSpec model = Shapes.model(Wiring.dense());
        assertThat(model.kvElementsPerToken()).isEqualTo(256);
        CacheLayout cache = CacheLayout.of(CacheSpec.of(model, 1, 4, 4096), 16, 0, 8);
        assertThat(new CacheBudget(64 << 20, 8, 1024, 4096).cut(cache).pages()).isEqualTo(2048);
        assertThatThrownBy(() -> new CacheBudget(1 << 20, 8, 1024, 4096).cut(cache))
                .isInstanceOf(UserError.class)
                .hasMessage("KV cache too small for one sequence: 4096 tokens need 4 MiB (1 MiB are free, which hold"
                        + " 1024 tokens; lower --max-model-len or give the process more memory)");
    }
}
