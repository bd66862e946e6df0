package nighttrain.executor.cache;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.List;
import nighttrain.executor.cache.CacheLayout.Group;
import nighttrain.executor.cache.CacheSpec.PagedKv;
import nighttrain.executor.cache.CacheSpec.RecurrentState;
import nighttrain.io.UserError;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class CacheBudgetTest {
    private static final int LONGEST = 131_072;

    /** Returns the layers of Gemma 3: five with a window of 1024 before each layer with full attention. */
    private static CacheLayout gemma() {
        List<CacheSpec> layers = new ArrayList<>();
        for (int layer = 0; layer < 30; layer++) {
            layers.add(new PagedKv(4, 256, layer % 6 == 5 ? 0 : 1024, 2));
        }
        return CacheLayout.of(layers, 16, 0, 256);
    }

    @Test
    void layersThatAreAlikeShareAGroup() {
        CacheLayout layout = gemma();
        assertThat(layout.groups()).extracting(group -> group.layers().size()).containsExactly(25, 5);
        assertThat(layout.groupOf(4)).isEqualTo(layout.groupOf(6)).isNotEqualTo(layout.groupOf(5));
    }

    @ParameterizedTest
    @ValueSource(longs = {4, 8, 20, 40, 70, 120})
    void everyGroupHoldsAsManySequencesAndTheLongest(long gib) {
        CacheBudget budget = new CacheBudget(gib << 30, 256, 8192, LONGEST);
        CacheLayout layout = budget.cut(gemma());
        assertThat(layout.bytes()).isBetween((long) (0.99 * (gib << 30)), gib << 30);
        Group window = layout.groups().get(0);
        Group all = layout.groups().get(1);
        assertThat(all.pages()).isGreaterThanOrEqualTo(LONGEST / 16);
        double perWindow = (window.pages() - 8192 / 16) / (1024 / 16 + 1.0);
        double perAll = all.pages() / (4096 / 16.0);
        assertThat(Math.min(256, perAll))
                .as("sequences of 4096 tokens")
                .isGreaterThanOrEqualTo(Math.min(256, Math.floor(perWindow)));
        double without = (gib << 30) / (30.0 * 4096 * 2 * 4 * 256 * 2); // sequences if no layer released pages
        assertThat(Math.min(256, layout.sequences(4096))).isGreaterThan(Math.min(255, without));
    }

    /** Returns the layers of Qwen 3.5 27B: three with a state before each with keys and values; 150 MiB a sequence, 64 KiB a token. */
    private static CacheLayout hybrid(int mostSlots) {
        List<CacheSpec> layers = new ArrayList<>();
        for (int layer = 0; layer < 64; layer++) {
            layers.add(layer % 4 == 3 ? new PagedKv(4, 256, 0, 2) : new RecurrentState(3_268_608));
        }
        return CacheLayout.of(layers, 16, 0, mostSlots);
    }

    @ParameterizedTest
    @CsvSource({"17, 512, 95", "17, 4096, 42", "17, 100, 101", "40, 512, 224", "90, 512, 256", "3, 512, 5"})
    void thereAreAsManySlotsAsSequencesFindPages(long gib, int expectedTokens, int slots) {
        CacheLayout layout = new CacheBudget(gib << 30, 256, 8192, 32_768, expectedTokens).cut(hybrid(256));
        assertThat(layout.slots()).isEqualTo(slots);
        assertThat(layout.bytes()).isLessThanOrEqualTo(gib << 30).isGreaterThan((long) (0.98 * (gib << 30)));
        assertThat(layout.groups()).singleElement().satisfies(group -> {
            assertThat(group.layers()).hasSize(16);
            assertThat(group.pages()).isGreaterThanOrEqualTo(32_768 / 16);
        });
        assertThat(layout.sequences(expectedTokens)).isEqualTo(slots);
        assertThat(layout.sequences(1)).as("slots bound what pages could hold").isEqualTo(slots);
        assertThat(layout.sequences(32_768)).isLessThanOrEqualTo(slots);
    }

    @Test
    void noMoreSlotsThanSequencesMayRun() {
        assertThat(new CacheBudget(90L << 30, 32, 8192, 32_768, 512)
                        .cut(hybrid(32))
                        .slots())
                .isEqualTo(32);
    }

    @Test
    void oneSequenceNeedsItsStateToo() {
        assertThatThrownBy(() -> new CacheBudget(2L << 30, 256, 8192, 32_768, 512).cut(hybrid(256)))
                .isInstanceOf(UserError.class)
                .hasMessage(
                        "KV cache too small for one sequence: 32768 tokens need 2348 MiB (2048 MiB are free, which hold"
                                + " 27968 tokens; lower --max-model-len or give the process more memory)");
    }

    /** A config without a limit has the largest number. */
    @Test
    void theLongestContextIsTooLong() {
        assertThatThrownBy(() -> new CacheBudget(2L << 30, 256, 8192, Integer.MAX_VALUE, 512).cut(hybrid(256)))
                .isInstanceOf(UserError.class)
                .hasMessageContaining(
                        "2147483647 tokens need 134218028 MiB (2048 MiB are free, which hold 27968 tokens;");
    }

    /** If every layer has a window, sequences longer than the window take no more pages. */
    @Test
    void aModelOfWindowsAloneHoldsManyLongSequences() {
        List<CacheSpec> layers = new ArrayList<>();
        for (int layer = 0; layer < 32; layer++) {
            layers.add(new PagedKv(8, 128, 4096, 2));
        }
        CacheLayout unsized = CacheLayout.of(layers, 16, 0, 8);
        CacheLayout layout = new CacheBudget(6L << 30, 8, 8192, 32_768).cut(unsized);
        assertThat(layout.sequences(32_768)).as("one and a half without").isGreaterThan(8);
        CacheLayout most = new CacheBudget(64L << 30, 8, 8192, 32_768).cut(unsized);
        assertThat(most.bytes()).as("the rest keeps prefixes").isEqualTo(32L << 30);
    }
}
