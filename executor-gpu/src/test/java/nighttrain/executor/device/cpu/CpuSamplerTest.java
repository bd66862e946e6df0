package nighttrain.executor.device.cpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import nighttrain.executor.device.Draw;
import nighttrain.executor.device.Drawn;
import nighttrain.executor.request.SamplingParams;
import nighttrain.executor.request.TokenLogprobs;
import org.junit.jupiter.api.Test;

class CpuSamplerTest {
    private static final float[] LOGITS = {0f, 1f, 3f, 2f, -1f, 2.5f};

    @Test
    void greedyTakesTheLikeliestAndTheLowerIdOfEquals() {
        assertThat(draw(SamplingParams.greedy(1), 1, LOGITS)).isEqualTo(2);
        assertThat(draw(SamplingParams.greedy(1), 1, 1f, 5f, 5f)).isEqualTo(1);
    }

    @Test
    void frequenciesFollowTheTemperedSoftmax() {
        SamplingParams sampling = sampling(0.7, 0, 1, 0);
        double sum = 0;
        for (float logit : LOGITS) {
            sum += Math.exp(logit / 0.7);
        }
        TreeMap<Integer, Integer> counts = counts(sampling, 20_000);
        for (int token = 0; token < LOGITS.length; token++) {
            double share = counts.getOrDefault(token, 0) / 20_000.0;
            assertThat(share).isCloseTo(Math.exp(LOGITS[token] / 0.7) / sum, within(0.012));
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
        assertThat(seen(sampling(1, 3, 0.7, 0))).containsExactly(2, 5);
    }

    @Test
    void theSameSeedAndPositionDrawTheSame() {
        SamplingParams sampling = sampling(2, 0, 1, 0);
        assertThat(draw(sampling, 99, LOGITS)).isEqualTo(draw(sampling, 99, LOGITS));
        Set<Integer> bySeed = new TreeSet<>();
        for (long seed = 0; seed < 50; seed++) {
            bySeed.add(draw(sampling, seed, LOGITS));
        }
        assertThat(bySeed).hasSizeGreaterThan(3);
    }

    @Test
    void penaltiesFollowTheirDefinitions() {
        // History: prompt 2, output 5 5. Repetition 2 halves 3.0 and 2.5; presence 0.1 + 2 x 0.3 comes off token 5
        // alone.
        SamplingParams sampling = new SamplingParams(1, 0, 0, 1, 0, 2, 0.1, 0.3, -1, false, false);
        float[] logits = LOGITS.clone();
        CpuSampler.draw(new Draw(sampling, 1, new int[] {2, 5, 5, 0}, 1, 3, Draw.NONE), logits, 0, logits.length);
        assertThat(logits).containsExactly(new float[] {0f, 1f, 1.5f, 2f, -1f, 1.25f - 0.7f}, within(1e-6f));
    }

    @Test
    void logprobsAreThoseOfTheRawLogits() {
        SamplingParams sampling = new SamplingParams(1, 0, 0, 1, 0, 2, 0, 0, 2, false, false);
        Drawn drawn = CpuSampler.draw(
                new Draw(sampling, 1, new int[] {2}, 1, 1, Draw.NONE), LOGITS.clone(), 0, LOGITS.length);
        TokenLogprobs logprobs = drawn.logprobs().orElseThrow();
        double sum = 0;
        for (float logit : LOGITS) {
            sum += Math.exp(logit);
        }
        assertThat(drawn.token()).isEqualTo(5);
        assertThat((double) logprobs.logprob()).isCloseTo(2.5 - Math.log(sum), within(1e-6));
        assertThat(logprobs.likeliest())
                .extracting(TokenLogprobs.Candidate::token)
                .containsExactly(2, 5);
    }

    private static SamplingParams sampling(double temperature, int topK, double topP, double minP) {
        return new SamplingParams(1, temperature, topK, topP, minP, 1, 0, 0, -1, false, false);
    }

    private static int draw(SamplingParams sampling, long seed, float... logits) {
        return CpuSampler.draw(
                        new Draw(sampling, seed, new int[] {0}, 1, 1, Draw.NONE), logits.clone(), 0, logits.length)
                .token();
    }

    private static TreeMap<Integer, Integer> counts(SamplingParams sampling, int draws) {
        TreeMap<Integer, Integer> counts = new TreeMap<>();
        for (int seed = 0; seed < draws; seed++) {
            counts.merge(draw(sampling, seed, LOGITS), 1, Integer::sum);
        }
        return counts;
    }

    private static Set<Integer> seen(SamplingParams sampling) {
        return counts(sampling, 2_000).keySet();
    }
}
