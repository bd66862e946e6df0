package nighttrain.executor.device;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import nighttrain.executor.request.Generation.TokenLogprobs;
import nighttrain.executor.request.Generation.TokenLogprobs.Candidate;
import nighttrain.executor.request.SamplingParams;
import nighttrain.executor.request.SamplingParams.Filter;
import nighttrain.executor.request.SamplingParams.Penalties;
import nighttrain.executor.step.SampleRequest;
import nighttrain.executor.step.SampledToken;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Tests penalties, which depend on the tokens so far, and log-probabilities of sampled tokens. */
public abstract class AbstractSampleScoresTest extends SamplingDevice {
    protected AbstractSampleScoresTest(TestBackend backend) {
        super(backend);
    }

    @Test
    void penaltiesFollowTheirDefinitions() {
        // Prompt 2, output 5 5: repetition halves 3 and 2.5, and token 5 loses .1 + 2 x .3: token 3, at 2, is most
        // likely.
        SamplingParams greedy = SamplingParams.greedy(1).with(new Penalties(2, 0.1, 0.3));
        SampleRequest small = new SampleRequest(greedy, 1, new int[] {2, 5, 5, 0}, 1, 3, SampleRequest.NONE);
        assertThat(tokens(sample(List.of(small), List.of(LOGITS)))).containsExactly(3);

        List<SampleRequest> samples = new ArrayList<>();
        List<float[]> rows = new ArrayList<>();
        for (int i = 0; i < 120; i++) {
            SamplingParams sampling = SamplingParams.greedy(1)
                    .withTemperature(i % 10 == 0 ? 0 : 1)
                    .with(new Penalties(i % 2 == 0 ? 1 : 1.7, i % 3, (i % 5 - 2) * 0.5));
            int length = 1 + noise.below(200);
            samples.add(new SampleRequest(
                    sampling, i, noise.tokens(200, 300), noise.below(length), length, SampleRequest.NONE));
            rows.add(noise.logits(300));
        }
        int[] tokens = tokens(sample(samples, rows));
        for (int i = 0; i < tokens.length; i++) {
            double[] penalised = SampleReference.penalised(rows.get(i), samples.get(i));
            if (samples.get(i).sampling().isGreedy()) {
                assertThat(tokens[i]).as("seed %d", noise.seed).isEqualTo(SampleReference.ranked(penalised)[0]);
            } else {
                checkCumulated(
                        SampleReference.softmax(penalised, 1), samples.get(i).uniform(), tokens[i]);
            }
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {61, 1_000, 50_257})
    void logprobsAreThoseOfTheRawLogits(int vocabulary) {
        List<SampleRequest> samples = new ArrayList<>();
        List<float[]> rows = new ArrayList<>();
        for (int i = 0; i < (vocabulary > 1_000 ? 8 : 24); i++) {
            int[] history = noise.tokens(20, vocabulary);
            SamplingParams sampling = SamplingParams.greedy(1)
                    .withTemperature(i % 3)
                    .with(new Filter(i % 2 * 10, 1, 0))
                    .with(new Penalties(1.5, 0.5, 0))
                    .withLogprobs(new int[] {0, 2, 20}[i % 3]);
            rows.add(noise.logits(vocabulary));
            history[3] = SampleReference.ranked(Formulas.wide(rows.get(i)))[0]; // penalises the most likely token
            samples.add(new SampleRequest(
                    sampling, i, history, 2, 20, i % 4 == 3 ? noise.below(vocabulary) : SampleRequest.NONE));
        }
        List<SampledToken> sampled = sample(samples, rows);
        for (int i = 0; i < sampled.size(); i++) {
            SampleRequest sample = samples.get(i);
            if (sample.given() != SampleRequest.NONE) {
                assertThat(sampled.get(i).token()).isEqualTo(sample.given());
            }
            checkLogprobs(
                    sampled.get(i),
                    SampleReference.logprobs(rows.get(i)),
                    sample.sampling().logprobs());
        }
    }

    private void checkLogprobs(SampledToken sampled, double[] expected, int count) {
        TokenLogprobs logprobs = sampled.logprobs().orElseThrow();
        assertThat(logprobs.token()).isEqualTo(sampled.token());
        assertThat((double) logprobs.logprob()).isCloseTo(expected[sampled.token()], within(1e-4));
        assertThat(logprobs.likeliest())
                .as("seed %d", noise.seed)
                .extracting(Candidate::token)
                .containsExactlyElementsOf(Arrays.stream(SampleReference.ranked(expected), 0, count)
                        .boxed()
                        .toList());
        for (Candidate candidate : logprobs.likeliest()) {
            assertThat((double) candidate.logprob()).isCloseTo(expected[candidate.token()], within(1e-4));
        }
    }

    /** If one token has all of the probability, the logarithm of the sum is exactly 0. */
    @Test
    void aGivenTokenIsScoredEvenWhereTheSumIsOne() {
        float[] certain = {0f, -200f, -300f};
        SampleRequest given = new SampleRequest(SamplingParams.greedy(1), 0, new int[] {0}, 1, 1, 1);
        SampledToken sampled = sample(List.of(given), List.of(certain)).get(0);
        assertThat(sampled.token()).isEqualTo(1);
        assertThat(sampled.logprobs().orElseThrow().logprob()).isEqualTo(-200f);
    }

    @Test
    void logprobsComeOnlyWhereAskedFor() {
        SamplingParams asking = SamplingParams.greedy(1).withLogprobs(1);
        List<SampledToken> sampled = sample(List.of(SampleRequest.likeliest(), plain(asking, 1)), copies(LOGITS, 2));
        assertThat(sampled.get(0).logprobs()).isEmpty();
        assertThat(sampled.get(1).logprobs()).isPresent();
    }
}
