package nighttrain.executor.device;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import nighttrain.executor.request.SamplingParams;
import nighttrain.executor.request.SamplingParams.Filter;
import nighttrain.executor.request.SamplingParams.Penalties;
import nighttrain.executor.step.SampleRequest;
import nighttrain.executor.step.SampledToken;
import nighttrain.executor.step.SampledToken.LogitFault;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Tests rows of logits that are not finite: they get no token but a reason, and do not affect other rows. */
public abstract class AbstractSampleFaultsTest extends SamplingDevice {
    private static final float NEGATIVE_NAN = Float.intBitsToFloat(0xffc00001);
    private static final float LARGEST_NAN = Float.intBitsToFloat(0x7fffffff);

    protected AbstractSampleFaultsTest(TestBackend backend) {
        super(backend);
    }

    private record Row(float[] logits, LogitFault fault) {}

    @ParameterizedTest
    @ValueSource(ints = {2, 61, 1_000, 50_257})
    void aRowThatIsNotFiniteHasNoToken(int vocabulary) {
        List<Row> bad = bad(vocabulary);
        List<float[]> good = new ArrayList<>();
        List<SampleRequest> samples = new ArrayList<>();
        List<float[]> rows = new ArrayList<>();
        for (int i = 0; i < bad.size(); i++) {
            good.add(noise.logits(vocabulary));
            samples.addAll(List.of(sample(i, vocabulary), sample(i + 1, vocabulary)));
            rows.addAll(List.of(good.get(i), bad.get(i).logits()));
        }
        List<SampledToken> sampled = sample(samples, rows);
        for (int i = 0; i < bad.size(); i++) {
            assertThat(sampled.get(2 * i + 1))
                    .as("bad row %d (seed %d)", i, noise.seed)
                    .isEqualTo(SampledToken.failed(bad.get(i).fault()));
            assertThat(sample(List.of(samples.get(2 * i)), List.of(good.get(i))))
                    .as("good row %d (seed %d)", i, noise.seed)
                    .containsExactly(sampled.get(2 * i));
            assertThat(sampled.get(2 * i).fault()).isEmpty();
        }
    }

    /** Returns rows with each fault at the ends, in the middle and at random, in all places, and combined with others. */
    private List<Row> bad(int vocabulary) {
        List<Row> bad = new ArrayList<>();
        for (int at : new int[] {0, vocabulary / 2, vocabulary - 1, noise.below(vocabulary)}) {
            for (float value : new float[] {Float.NaN, NEGATIVE_NAN, LARGEST_NAN, Float.POSITIVE_INFINITY}) {
                float[] row = noise.logits(vocabulary);
                row[at] = value;
                bad.add(new Row(row, Float.isNaN(value) ? LogitFault.NAN : LogitFault.POSITIVE_INFINITY));
            }
        }
        float[] all = new float[vocabulary];
        for (float value : new float[] {Float.NaN, NEGATIVE_NAN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY}) {
            float[] row = all.clone();
            Arrays.fill(row, value);
            bad.add(new Row(
                    row,
                    Float.isNaN(value)
                            ? LogitFault.NAN
                            : value > 0 ? LogitFault.POSITIVE_INFINITY : LogitFault.ALL_NEGATIVE_INFINITY));
        }
        float[] mixed = all.clone();
        Arrays.fill(mixed, Float.NEGATIVE_INFINITY);
        mixed[0] = Float.POSITIVE_INFINITY;
        mixed[vocabulary - 1] = NEGATIVE_NAN;
        bad.add(new Row(mixed, LogitFault.NAN));
        return bad;
    }

    /** Returns requests of different kinds in turn: greedy and sampled, with filters, penalties, log-probabilities and given tokens. */
    private SampleRequest sample(int i, int vocabulary) {
        SamplingParams sampling = SamplingParams.greedy(1)
                .withTemperature(i % 2)
                .with(new Filter(i % 3 == 1 ? 20 : 0, i % 4 == 1 ? 0.9 : 1, i % 5 == 1 ? 0.1 : 0))
                .with(new Penalties(i % 3 == 0 ? 1.3 : 1, 0, 0))
                .withLogprobs(i % 4 == 2 ? Math.min(vocabulary, 5) : -1);
        int given = i % 7 == 3 ? noise.below(vocabulary) : SampleRequest.NONE;
        return new SampleRequest(sampling, i, noise.tokens(9, vocabulary), 4, 9, given);
    }

    /** A penalty can multiply a finite logit beyond the largest float. */
    @ParameterizedTest
    @ValueSource(doubles = {0, 1})
    void aPenaltyMayNotMakeAnInfinity(double temperature) {
        float[] row = noise.logits(1_000);
        row[5] = 3e38f;
        SamplingParams halved =
                SamplingParams.greedy(1).withTemperature(temperature).with(new Penalties(0.5, 0, 0));
        SampleRequest sample = new SampleRequest(halved, 1, new int[] {5}, 1, 1, SampleRequest.NONE);
        assertThat(sample(List.of(sample), List.of(row)))
                .containsExactly(SampledToken.failed(LogitFault.POSITIVE_INFINITY));
    }
}
