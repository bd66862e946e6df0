package nighttrain.executor.device;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import nighttrain.executor.request.SamplingParams;
import nighttrain.executor.request.SamplingParams.Filter;
import nighttrain.executor.request.SamplingParams.Penalties;
import nighttrain.executor.step.SampleRequest;
import nighttrain.executor.step.SampledToken;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Compares samples of many rows at once with the definitions of their settings. */
public abstract class AbstractSampleTest extends SamplingDevice {
    protected AbstractSampleTest(TestBackend backend) {
        super(backend);
    }

    @Test
    void greedyTakesTheLikeliestAndTheLowerIdOfEquals() {
        SampleRequest greedy = SampleRequest.likeliest();
        float[] ties = {1f, 5f, 5f, -2f, 5f, 0f};
        assertThat(tokens(sample(List.of(greedy, greedy), List.of(LOGITS, ties))))
                .containsExactly(2, 1);
    }

    @ParameterizedTest
    @ValueSource(ints = {2, 61, 1_000, 50_257})
    void greedyFindsTheLikeliestOfManyTokens(int vocabulary) {
        List<float[]> rows = new ArrayList<>();
        int[] likeliest = new int[17];
        for (int i = 0; i < likeliest.length; i++) {
            float[] row = noise.logits(vocabulary);
            int one = noise.below(vocabulary);
            int other = noise.below(vocabulary);
            row[one] = row[other] = 50;
            likeliest[i] = Math.min(one, other);
            rows.add(row);
        }
        assertThat(tokens(sample(copies(SampleRequest.likeliest(), rows.size()), rows)))
                .as("seed %d", noise.seed)
                .containsExactly(likeliest);
    }

    @Test
    void frequenciesFollowTheTemperedSoftmax() {
        double[] expected = SampleReference.softmax(Formulas.wide(LOGITS), 0.7);
        SortedMap<Integer, Integer> counts = counts(sampling(0.7, 0, 1, 0), 20_000);
        for (int token = 0; token < LOGITS.length; token++) {
            assertThat(counts.getOrDefault(token, 0) / 20_000.0).isCloseTo(expected[token], within(0.012));
        }
    }

    /** Without filters the uniform number lies between the cumulative probabilities before and after the token. */
    @ParameterizedTest
    @CsvSource({"6,1", "1000,0.7", "1000,1.5", "50257,1"})
    void samplesInvertTheCumulatedDistribution(int vocabulary, double temperature) {
        float[] row = noise.logits(vocabulary);
        List<SampleRequest> samples = LongStream.range(0, 40)
                .mapToObj(seed -> plain(sampling(temperature, 0, 1, 0), seed))
                .toList();
        int[] tokens = tokens(sample(samples, copies(row, samples.size())));
        double[] probabilities = SampleReference.softmax(Formulas.wide(row), temperature);
        for (int i = 0; i < tokens.length; i++) {
            checkCumulated(probabilities, samples.get(i).uniform(), tokens[i]);
        }
    }

    @Test
    void filtersKeepWhatTheyShould() {
        assertThat(seen(sampling(5, 2, 1, 0))).containsExactly(2, 5);
        // Softmax of LOGITS: token 2 .477, 5 .289, 3 .175, 1 .065 ...: the third token reaches .9.
        assertThat(seen(sampling(1, 0, 0.9, 0))).containsExactly(2, 3, 5);
        assertThat(seen(sampling(1, 0, 0.01, 0))).containsExactly(2);
        // Relative to the most likely token: e^(2-3) = .368, e^(1-3) = .135.
        assertThat(seen(sampling(1, 0, 1, 0.2))).containsExactly(2, 3, 5);
        assertThat(seen(sampling(1, 0, 1, 1))).containsExactly(2);
        assertThat(seen(sampling(1, 3, 0.7, 0))).containsExactly(2, 5);
        assertThat(seen(sampling(1, 6, 1, 0))).hasSize(6);
    }

    /** Among equal logits at the k-th place the lower ids are kept. */
    @ParameterizedTest
    @CsvSource({"6,3", "1000,41", "50257,700"})
    void topKKeepsExactlyKOfEquals(int vocabulary, int topK) {
        float[] row = new float[vocabulary];
        row[vocabulary - 1] = 2;
        List<SampleRequest> samples = LongStream.range(0, 50)
                .mapToObj(seed -> plain(sampling(3, topK, 1, 0), seed))
                .toList();
        int[] sampled = tokens(sample(samples, copies(row, samples.size())));
        assertThat(Arrays.stream(sampled).boxed()).allMatch(token -> token < topK - 1 || token == vocabulary - 1);
        assertThat(Arrays.stream(sampled).distinct().count()).isGreaterThan(1);
    }

    @ParameterizedTest
    @CsvSource({
        "1000,1,5,1,0",
        "1000,2,0,0.3,0",
        "1000,1,0,1,0.3",
        "1000,3,40,0.6,0",
        "1000,2,20,0.9,0.1",
        "64,1,1000,0.9,0.1",
        "64,1,0,0.9,0.1",
        "64,1,63,0.9,0.1",
        "1000,2,300,1,0.05",
        "1000,4,300,0.5,0.2",
        "50257,3,5000,0.8,0.3",
        "50257,1,8,1,0",
        "50257,0.8,0,0.05,0",
        "50257,1,0,1,0.5"
    })
    void filtersKeepWhatTheyShouldOfManyTokens(int vocabulary, double temperature, int topK, double topP, double minP) {
        SamplingParams sampling = sampling(temperature, topK, topP, minP);
        float[] row = noise.logits(vocabulary);
        while (!kept(row, sampling, CUMULATED).equals(kept(row, sampling, -CUMULATED))) {
            row = noise.logits(vocabulary); // no token may lie at a bound, where it could be kept or not
        }
        double[] probabilities = SampleReference.softmax(Formulas.wide(row), temperature);
        List<SampleRequest> samples = LongStream.range(0, vocabulary > 1_000 ? 50 : 300)
                .mapToObj(seed -> plain(sampling, seed))
                .toList();
        List<Integer> sampled = new ArrayList<>();
        for (int from = 0; from < samples.size(); from += 50) {
            Arrays.stream(tokens(sample(samples.subList(from, from + 50), copies(row, 50))))
                    .forEach(sampled::add);
        }
        Set<Integer> kept = kept(row, sampling, 0);
        assertThat(kept).as("seed %d", noise.seed).containsAll(sampled);
        double mass = kept.stream().mapToDouble(token -> probabilities[token]).sum();
        for (int token : kept) {
            double share = probabilities[token] / mass;
            double deviation = Math.sqrt(share * (1 - share) / samples.size());
            assertThat((double) sampled.stream().filter(t -> t == token).count() / samples.size())
                    .as("share of token %d (seed %d)", token, noise.seed)
                    .isCloseTo(share, within(6 * deviation + 0.01));
        }
    }

    private static Set<Integer> kept(float[] row, SamplingParams sampling, double slack) {
        return SampleReference.kept(Formulas.wide(row), sampling, slack);
    }

    /** Eight tokens share the largest logit, four each of the next two: cut-offs fall between equal tokens, of which the lower ids are kept. */
    @ParameterizedTest
    @CsvSource({
        "5,1,0",
        "8,1,0",
        "9,1,0",
        "0,0.25,0",
        "0,0.5,0",
        "0,0.0000001,0",
        "0,0.1,0",
        "0,0.8,0",
        "0,0.9,0",
        "0,1,1",
        "0,1,0.01",
        "4,0.5,0",
        "4,0.5,1",
        "10,0.9,0.5",
        "10,0.95,0.01",
        "1000,0.9,0.01",
        "8,0.625,0",
        "13,0.99,0"
    })
    void ofEqualsAtACutOffTheLowerIdsStay(int topK, double topP, double minP) {
        float[] logits = new float[40]; // weights: 1, e^-3, e^-6
        int[] at = noise.shuffled(40);
        Arrays.fill(logits, -40f);
        for (int i = 0; i < 16; i++) {
            logits[at[i]] = i < 8 ? 0f : i < 12 ? -3f : -6f;
        }
        logits[at[0]] = -0f; // equal to 0
        SamplingParams sampling = sampling(1, topK, topP, minP);
        Set<Integer> kept = SampleReference.kept(Formulas.wide(plusZero(logits)), sampling, 0);
        assertThat(seen(logits, sampling)).as("seed %d", noise.seed).isSubsetOf(kept);
        Set<Integer> likely = new TreeSet<>(kept);
        likely.removeIf(token -> logits[token] < -3);
        assertThat(seen(logits, sampling)).as("seed %d", noise.seed).containsAll(likely);
    }

    private static float[] plusZero(float[] values) {
        float[] plus = values.clone();
        for (int i = 0; i < plus.length; i++) {
            plus[i] += 0f;
        }
        return plus;
    }

    private Set<Integer> seen(float[] logits, SamplingParams sampling) {
        Set<Integer> seen = new TreeSet<>();
        for (int from = 0; from < 3_000; from += 1_000) {
            List<SampleRequest> samples = LongStream.range(from, from + 1_000)
                    .mapToObj(seed -> plain(sampling, seed))
                    .toList();
            Arrays.stream(tokens(sample(samples, copies(logits, samples.size()))))
                    .forEach(seen::add);
        }
        return seen;
    }

    /** A top-k that drops nothing changes nothing. */
    @Test
    void topKOfMoreThanThereAreIsNone() {
        float[] row = noise.logits(64);
        for (SamplingParams none : List.of(sampling(2, 0, 0.9, 0.05), sampling(2, 0, 1, 0.1), sampling(2, 0, 0.7, 0))) {
            SamplingParams all =
                    sampling(2, 1_000, none.filter().topP(), none.filter().minP());
            List<SampleRequest> samples = LongStream.range(0, 1_000)
                    .mapToObj(seed -> plain(none, seed))
                    .toList();
            List<SampleRequest> same = LongStream.range(0, 1_000)
                    .mapToObj(seed -> plain(all, seed))
                    .toList();
            assertThat(tokens(sample(same, copies(row, 1_000))))
                    .as("seed %d", noise.seed)
                    .isEqualTo(tokens(sample(samples, copies(row, 1_000))));
        }
    }

    /** Extreme settings leave the most likely token, never none. */
    @ParameterizedTest
    @CsvSource({"1e-300,0,1,0", "1e-45,5,0.5,0.1", "1,0,1e-300,0", "1,0,1e-14,1", "100,1,1e-300,1"})
    void extremeSettingsLeaveTheLikeliest(double temperature, int topK, double topP, double minP) {
        float[] row = noise.logits(1_000);
        int likeliest = SampleReference.ranked(Formulas.wide(row))[0];
        List<SampleRequest> samples = LongStream.range(0, 100)
                .mapToObj(seed -> plain(sampling(temperature, topK, topP, minP), seed))
                .toList();
        assertThat(tokens(sample(samples, copies(row, 100)))).containsOnly(likeliest);
    }

    /** Tokens with logit -inf are never sampled, however few others there are. */
    @Test
    void tokensOfMinusInfinityAreNotSampled() {
        float[] row = new float[1_000];
        Arrays.fill(row, Float.NEGATIVE_INFINITY);
        row[7] = -1e30f;
        row[613] = -1e30f;
        for (SamplingParams sampling : List.of(
                sampling(1, 0, 1, 0), sampling(1, 10, 0.9, 0), sampling(1, 10, 1, 0.5), sampling(1, 0, 0.99, 0))) {
            assertThat(seen(row, sampling)).containsExactly(7, 613);
        }
        assertThat(tokens(sample(List.of(SampleRequest.likeliest()), List.of(row))))
                .containsExactly(7);
    }

    @Test
    void theSameSeedAndPositionSampleTheSameInAnyRowOfAnyBatch() {
        List<SampleRequest> samples = new ArrayList<>();
        List<float[]> rows = new ArrayList<>();
        for (int i = 0; i < 40; i++) {
            int[] history = noise.tokens(30, 1_000);
            samples.add(new SampleRequest(
                    mixed(i), i, history, 10, 11 + i % 20, i % 8 == 7 ? noise.below(1_000) : SampleRequest.NONE));
            rows.add(noise.logits(1_000));
        }
        List<SampledToken> together = sample(samples, rows);
        for (int i = 0; i < samples.size(); i++) {
            assertThat(sample(List.of(samples.get(i)), List.of(rows.get(i))))
                    .as("sample %d alone (seed %d)", i, noise.seed)
                    .containsExactly(together.get(i));
        }
        List<SampledToken> shifted = sample(samples.subList(3, 20), rows.subList(3, 20));
        assertThat(shifted).isEqualTo(together.subList(3, 20));
    }

    /** Returns settings of every kind in turn. */
    private static SamplingParams mixed(int i) {
        return SamplingParams.greedy(1)
                .withTemperature(i % 5 == 0 ? 0 : 0.5 + i % 3)
                .with(new Filter(i % 4 == 1 ? 20 : 0, i % 3 == 1 ? 0.9 : 1, i % 7 == 2 ? 0.05 : 0))
                .with(new Penalties(i % 2 == 0 ? 1 : 1.3, i % 3 == 0 ? 0.4 : 0, i % 6 == 0 ? 0.2 : 0))
                .withLogprobs(i % 4 == 3 ? i % 21 : -1);
    }

    @Test
    void samplesVaryWithSeedAndPosition() {
        SamplingParams sampling = sampling(2, 0, 1, 0);
        List<SampleRequest> bySeed =
                LongStream.range(0, 50).mapToObj(seed -> plain(sampling, seed)).toList();
        List<SampleRequest> byPosition = IntStream.range(1, 51)
                .mapToObj(length -> new SampleRequest(sampling, 7, new int[50], 1, length, SampleRequest.NONE))
                .toList();
        for (List<SampleRequest> samples : List.of(bySeed, byPosition)) {
            assertThat(Arrays.stream(tokens(sample(samples, copies(LOGITS, 50))))
                            .distinct())
                    .hasSizeGreaterThan(3);
        }
    }

    private SortedMap<Integer, Integer> counts(SamplingParams sampling, int samples) {
        TreeMap<Integer, Integer> counts = new TreeMap<>();
        for (int from = 0; from < samples; from += 1_000) {
            List<SampleRequest> some = LongStream.range(from, from + 1_000)
                    .mapToObj(seed -> plain(sampling, seed))
                    .toList();
            for (int token : tokens(sample(some, copies(LOGITS, some.size())))) {
                counts.merge(token, 1, Integer::sum);
            }
        }
        return counts;
    }

    private Set<Integer> seen(SamplingParams sampling) {
        return counts(sampling, 2_000).keySet();
    }
}
