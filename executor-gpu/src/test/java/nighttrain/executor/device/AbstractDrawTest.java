package nighttrain.executor.device;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import nighttrain.executor.request.SamplingParams;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Draws of many rows at once against the definitions of their settings. */
public abstract class AbstractDrawTest extends DrawingDevice {
    protected AbstractDrawTest(TestBackend backend) {
        super(backend);
    }

    @Test
    void greedyTakesTheLikeliestAndTheLowerIdOfEquals() {
        Draw greedy = Draw.likeliest();
        float[] ties = {1f, 5f, 5f, -2f, 5f, 0f};
        assertThat(tokens(draw(List.of(greedy, greedy), List.of(LOGITS, ties)))).containsExactly(2, 1);
    }

    @ParameterizedTest
    @ValueSource(ints = {2, 61, 1_000, 50_257})
    void greedyFindsTheLikeliestOfManyTokens(int vocabulary) {
        List<float[]> rows = new ArrayList<>();
        int[] likeliest = new int[17];
        for (int i = 0; i < likeliest.length; i++) {
            float[] row = fresh.logits(vocabulary);
            int one = fresh.below(vocabulary);
            int other = fresh.below(vocabulary);
            row[one] = row[other] = 50;
            likeliest[i] = Math.min(one, other);
            rows.add(row);
        }
        assertThat(tokens(draw(copies(Draw.likeliest(), rows.size()), rows)))
                .as("seed %d", fresh.seed)
                .containsExactly(likeliest);
    }

    @Test
    void frequenciesFollowTheTemperedSoftmax() {
        double[] expected = DrawReference.softmax(Formulas.wide(LOGITS), 0.7);
        SortedMap<Integer, Integer> counts = counts(sampling(0.7, 0, 1, 0), 20_000);
        for (int token = 0; token < LOGITS.length; token++) {
            assertThat(counts.getOrDefault(token, 0) / 20_000.0).isCloseTo(expected[token], within(0.012));
        }
    }

    /** Without filters the uniform number falls between the cumulated probabilities before and after the token. */
    @ParameterizedTest
    @CsvSource({"6,1", "1000,0.7", "1000,1.5", "50257,1"})
    void drawsInvertTheCumulatedDistribution(int vocabulary, double temperature) {
        float[] row = fresh.logits(vocabulary);
        List<Draw> draws = LongStream.range(0, 40)
                .mapToObj(seed -> plain(sampling(temperature, 0, 1, 0), seed))
                .toList();
        int[] tokens = tokens(draw(draws, copies(row, draws.size())));
        double[] probabilities = DrawReference.softmax(Formulas.wide(row), temperature);
        for (int i = 0; i < tokens.length; i++) {
            checkCumulated(probabilities, draws.get(i).uniform(), tokens[i]);
        }
    }

    @Test
    void filtersKeepWhatTheyShould() {
        assertThat(seen(sampling(5, 2, 1, 0))).containsExactly(2, 5);
        // Softmax of LOGITS: token 2 .477, 5 .289, 3 .175, 1 .065 ...: .9 is reached with the third.
        assertThat(seen(sampling(1, 0, 0.9, 0))).containsExactly(2, 3, 5);
        assertThat(seen(sampling(1, 0, 0.01, 0))).containsExactly(2);
        // e^(2-3) = .368 of the likeliest, e^(1-3) = .135.
        assertThat(seen(sampling(1, 0, 1, 0.2))).containsExactly(2, 3, 5);
        assertThat(seen(sampling(1, 0, 1, 1))).containsExactly(2);
        assertThat(seen(sampling(1, 3, 0.7, 0))).containsExactly(2, 5);
        assertThat(seen(sampling(1, 6, 1, 0))).hasSize(6);
    }

    /** Of equals at the k-th place the lower ids stay. */
    @ParameterizedTest
    @CsvSource({"6,3", "1000,41", "50257,700"})
    void topKKeepsExactlyKOfEquals(int vocabulary, int topK) {
        float[] row = new float[vocabulary];
        row[vocabulary - 1] = 2;
        List<Draw> draws = LongStream.range(0, 50)
                .mapToObj(seed -> plain(sampling(3, topK, 1, 0), seed))
                .toList();
        int[] drawn = tokens(draw(draws, copies(row, draws.size())));
        assertThat(Arrays.stream(drawn).boxed()).allMatch(token -> token < topK - 1 || token == vocabulary - 1);
        assertThat(Arrays.stream(drawn).distinct().count()).isGreaterThan(1);
    }

    @ParameterizedTest
    @CsvSource({
        "1000,1,5,1,0",
        "1000,2,0,0.3,0",
        "1000,1,0,1,0.3",
        "1000,3,40,0.6,0",
        "1000,2,20,0.9,0.1",
        "50257,1,8,1,0",
        "50257,0.8,0,0.05,0",
        "50257,1,0,1,0.5"
    })
    void filtersKeepWhatTheyShouldOfManyTokens(int vocabulary, double temperature, int topK, double topP, double minP) {
        SamplingParams sampling = sampling(temperature, topK, topP, minP);
        float[] row = fresh.logits(vocabulary);
        while (!kept(row, sampling, CUMULATED).equals(kept(row, sampling, -CUMULATED))) {
            row = fresh.logits(vocabulary); // none with a token at a bound, which may be kept or not
        }
        double[] probabilities = DrawReference.softmax(Formulas.wide(row), temperature);
        List<Draw> draws = LongStream.range(0, vocabulary > 1_000 ? 50 : 300)
                .mapToObj(seed -> plain(sampling, seed))
                .toList();
        List<Integer> drawn = new ArrayList<>();
        for (int from = 0; from < draws.size(); from += 50) {
            Arrays.stream(tokens(draw(draws.subList(from, from + 50), copies(row, 50))))
                    .forEach(drawn::add);
        }
        Set<Integer> kept = kept(row, sampling, 0);
        assertThat(kept).as("seed %d", fresh.seed).containsAll(drawn);
        double mass = kept.stream().mapToDouble(token -> probabilities[token]).sum();
        for (int token : kept) {
            double share = probabilities[token] / mass;
            double deviation = Math.sqrt(share * (1 - share) / draws.size());
            assertThat((double) drawn.stream().filter(t -> t == token).count() / draws.size())
                    .as("share of token %d (seed %d)", token, fresh.seed)
                    .isCloseTo(share, within(6 * deviation + 0.01));
        }
    }

    private static Set<Integer> kept(float[] row, SamplingParams sampling, double slack) {
        double[] probabilities = DrawReference.softmax(Formulas.wide(row), sampling.temperature());
        return DrawReference.kept(probabilities, sampling, slack);
    }

    @Test
    void theSameSeedAndPositionDrawTheSameInAnyRowOfAnyBatch() {
        List<Draw> draws = new ArrayList<>();
        List<float[]> rows = new ArrayList<>();
        for (int i = 0; i < 40; i++) {
            int[] history = fresh.tokens(30, 1_000);
            draws.add(new Draw(mixed(i), i, history, 10, 11 + i % 20, i % 8 == 7 ? fresh.below(1_000) : Draw.NONE));
            rows.add(fresh.logits(1_000));
        }
        List<Drawn> together = draw(draws, rows);
        for (int i = 0; i < draws.size(); i++) {
            assertThat(draw(List.of(draws.get(i)), List.of(rows.get(i))))
                    .as("draw %d alone (seed %d)", i, fresh.seed)
                    .containsExactly(together.get(i));
        }
        List<Drawn> shifted = draw(draws.subList(3, 20), rows.subList(3, 20));
        assertThat(shifted).isEqualTo(together.subList(3, 20));
    }

    /** Every kind of setting in turn. */
    private static SamplingParams mixed(int i) {
        return new SamplingParams(
                1,
                i % 5 == 0 ? 0 : 0.5 + i % 3,
                i % 4 == 1 ? 20 : 0,
                i % 3 == 1 ? 0.9 : 1,
                i % 7 == 2 ? 0.05 : 0,
                i % 2 == 0 ? 1 : 1.3,
                i % 3 == 0 ? 0.4 : 0,
                i % 6 == 0 ? 0.2 : 0,
                i % 4 == 3 ? i % 21 : -1,
                false,
                false);
    }

    @Test
    void drawsVaryWithSeedAndPosition() {
        SamplingParams sampling = sampling(2, 0, 1, 0);
        List<Draw> bySeed =
                LongStream.range(0, 50).mapToObj(seed -> plain(sampling, seed)).toList();
        List<Draw> byPosition = IntStream.range(1, 51)
                .mapToObj(length -> new Draw(sampling, 7, new int[50], 1, length, Draw.NONE))
                .toList();
        for (List<Draw> draws : List.of(bySeed, byPosition)) {
            assertThat(Arrays.stream(tokens(draw(draws, copies(LOGITS, 50)))).distinct())
                    .hasSizeGreaterThan(3);
        }
    }

    private SortedMap<Integer, Integer> counts(SamplingParams sampling, int draws) {
        TreeMap<Integer, Integer> counts = new TreeMap<>();
        for (int from = 0; from < draws; from += 1_000) {
            List<Draw> some = LongStream.range(from, from + 1_000)
                    .mapToObj(seed -> plain(sampling, seed))
                    .toList();
            for (int token : tokens(draw(some, copies(LOGITS, some.size())))) {
                counts.merge(token, 1, Integer::sum);
            }
        }
        return counts;
    }

    private Set<Integer> seen(SamplingParams sampling) {
        return counts(sampling, 2_000).keySet();
    }
}
