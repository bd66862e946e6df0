package nighttrain.executor.device;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.assertj.core.api.Assumptions.assumeThat;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.stream.IntStream;
import nighttrain.executor.Dfa;
import nighttrain.executor.device.StepIo.StepHandle;
import nighttrain.executor.request.Generation.TokenLogprobs.Candidate;
import nighttrain.executor.request.GenerationRequest.TokenConstraint;
import nighttrain.executor.request.SamplingParams;
import nighttrain.executor.request.SamplingParams.Filter;
import nighttrain.executor.request.SamplingParams.Penalties;
import nighttrain.executor.step.Batch;
import nighttrain.executor.step.SampleMask;
import nighttrain.executor.step.SampleRequest;
import nighttrain.executor.step.SampledToken;
import nighttrain.executor.step.SampledToken.LogitFault;
import nighttrain.io.constraint.TokenAutomaton;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Compares samples of rows under constraints with masks computed token by token. */
public abstract class AbstractSampleMaskTest extends SamplingDevice {
    protected AbstractSampleMaskTest(TestBackend backend) {
        super(backend);
    }

    /** A constraint, the state of a text in it, and how its next token is sampled. */
    private record Masked(Dfa dfa, TokenAutomaton automaton, int state, int remaining, SamplingParams sampling) {
        SampleRequest request(long seed, int[] history, boolean logprobsBefore) {
            TokenConstraint constraint = new TokenConstraint(automaton, logprobsBefore);
            return new SampleRequest(
                    sampling,
                    seed,
                    history,
                    2,
                    history.length,
                    SampleRequest.NONE,
                    Optional.of(new SampleMask(constraint, state, remaining)));
        }

        /** Returns the logits with those of tokens that are not allowed set to -inf. */
        double[] left(double[] logits) {
            double[] left = logits.clone();
            for (int token = 0; token < left.length; token++) {
                if (!dfa.allows(state, token, remaining, sampling.ignoreEos())) {
                    left[token] = Double.NEGATIVE_INFINITY;
                }
            }
            return left;
        }
    }

    private static SamplingParams sampling(
            double temperature, int topK, double topP, double repetition, int logprobs, boolean ignoreEos) {
        return SamplingParams.greedy(9)
                .withTemperature(temperature)
                .with(new Filter(topK, topP, 0))
                .with(new Penalties(repetition, 0.3, 0))
                .withLogprobs(logprobs)
                .withIgnoreEos(ignoreEos);
    }

    /** Returns rows in random states from which the remaining tokens suffice to reach an accepting state. */
    private List<Masked> masked(int count, int tokens, List<SamplingParams> samplings) {
        Random random = new Random(noise.seed);
        List<Masked> masked = new ArrayList<>();
        Dfa dfa = null;
        TokenAutomaton automaton = null;
        for (int i = 0; masked.size() < count; i++) {
            if (i % 3 == 0) { // several rows for each automaton
                dfa = Dfa.random(random, 2 + random.nextInt(8), tokens, random.nextInt(tokens));
                automaton = dfa.automaton();
            }
            int state = random.nextInt(dfa.states());
            int fewest = dfa.fewest(state);
            if (fewest < Integer.MAX_VALUE) {
                int remaining = Math.max(1, fewest + random.nextInt(3));
                masked.add(new Masked(dfa, automaton, state, remaining, samplings.get(i % samplings.size())));
            }
        }
        return masked;
    }

    /** Models pad their vocabulary: its last tokens are not in the tokenizer. */
    @ParameterizedTest
    @CsvSource({"61, 61", "64, 50", "1000, 1000", "1003, 900", "3000, 2900"})
    void onlyTokensThatMayComeAreSampled(int vocabulary, int tokens) {
        List<Masked> masked = masked(
                24,
                tokens,
                List.of(
                        sampling(0, 0, 1, 1, -1, false),
                        sampling(1, 0, 1, 1, -1, false),
                        sampling(0, 0, 1, 1.7, -1, true),
                        sampling(1.5, 0, 1, 1.3, -1, true),
                        sampling(2, 8, 0.9, 1, -1, false)));
        List<SampleRequest> samples = new ArrayList<>();
        List<float[]> rows = new ArrayList<>();
        for (int i = 0; i < masked.size(); i++) {
            samples.add(masked.get(i).request(i, noise.tokens(9, tokens), i % 2 == 0));
            rows.add(noise.logits(vocabulary));
        }
        int[] sampled = tokens(sample(samples, rows));
        for (int i = 0; i < sampled.length; i++) {
            Masked row = masked.get(i);
            assertThat(row.dfa()
                            .allows(
                                    row.state(),
                                    sampled[i],
                                    row.remaining(),
                                    row.sampling().ignoreEos()))
                    .as("token %d of row %d (seed %d)", sampled[i], i, noise.seed)
                    .isTrue();
            double[] left = row.left(SampleReference.penalised(rows.get(i), samples.get(i)));
            if (row.sampling().isGreedy()) {
                assertThat(sampled[i]).as("seed %d", noise.seed).isEqualTo(SampleReference.ranked(left)[0]);
            } else if (row.sampling().filter().topK() == 0) {
                double[] probabilities =
                        SampleReference.softmax(left, row.sampling().temperature());
                checkCumulated(probabilities, samples.get(i).uniform(), sampled[i]);
            } else {
                assertThat(SampleReference.kept(left, row.sampling(), CUMULATED))
                        .contains(sampled[i]);
            }
        }
    }

    @ParameterizedTest
    @CsvSource({"61, 61, false", "61, 61, true", "1003, 900, false", "1003, 900, true"})
    void logprobsAreThoseAfterTheMaskOrBefore(int vocabulary, int tokens, boolean before) {
        List<Masked> masked = masked(
                18,
                tokens,
                List.of(
                        sampling(0, 0, 1, 1, 0, false),
                        sampling(1, 5, 1, 1.5, 20, false),
                        sampling(0, 0, 1, 1.5, 3, true)));
        List<SampleRequest> samples = new ArrayList<>();
        List<float[]> rows = new ArrayList<>();
        for (int i = 0; i < masked.size(); i++) {
            samples.add(masked.get(i).request(i, noise.tokens(9, tokens), before));
            rows.add(noise.logits(vocabulary));
        }
        List<SampledToken> sampled = sample(samples, rows);
        for (int i = 0; i < sampled.size(); i++) {
            double[] raw = Formulas.wide(rows.get(i));
            double[] left = masked.get(i).left(raw);
            double[] expected = Arrays.stream(SampleReference.softmax(before ? raw : left, 1))
                    .map(Math::log)
                    .toArray();
            assertThat(left[sampled.get(i).token()]).as("seed %d", noise.seed).isGreaterThan(Double.NEGATIVE_INFINITY);
            assertThat((double) sampled.get(i).logprobs().orElseThrow().logprob())
                    .isCloseTo(expected[sampled.get(i).token()], within(1e-4));
            List<Candidate> likeliest = sampled.get(i).logprobs().orElseThrow().likeliest();
            int[] ranked = Arrays.stream(SampleReference.ranked(expected))
                    .filter(token -> expected[token] > Double.NEGATIVE_INFINITY)
                    .limit(masked.get(i).sampling().logprobs())
                    .toArray();
            assertThat(likeliest)
                    .as("no token that may not come (seed %d)", noise.seed)
                    .extracting(Candidate::token)
                    .containsExactlyElementsOf(Arrays.stream(ranked).boxed().toList());
            likeliest.forEach(candidate ->
                    assertThat((double) candidate.logprob()).isCloseTo(expected[candidate.token()], within(1e-4)));
        }
    }

    /** There are more classes than 16 bits can number. */
    @Test
    void classesMayBeMany() {
        int tokens = 66_000;
        int[] classOf = IntStream.range(0, tokens).map(token -> token + 2).toArray();
        int[] next = new int[tokens + 2];
        Arrays.fill(next, TokenAutomaton.REFUSED);
        next[TokenAutomaton.END_CLASS] = 0;
        classOf[65_999] = TokenAutomaton.END_CLASS;
        int[] allowed = {3, 40_000, 65_536, 65_998};
        Arrays.stream(allowed).forEach(token -> next[token + 2] = 0);
        TokenAutomaton automaton = new TokenAutomaton(tokens + 2, classOf, next, new int[] {0});
        Optional<SampleMask> mask = Optional.of(new SampleMask(new TokenConstraint(automaton, false), 0, 5));
        List<SampleRequest> samples = new ArrayList<>();
        List<float[]> rows = new ArrayList<>();
        for (int i = 0; i < 12; i++) {
            samples.add(new SampleRequest(
                    sampling(i % 2, 0, 1, 1, -1, i % 3 > 0), i, new int[] {0}, 1, 1, SampleRequest.NONE, mask));
            float[] row = noise.logits(66_100);
            row[i % 3 < 2 ? 65_999 : allowed[i % 4]] = 60; // the end token, unless it is ignored
            rows.add(row);
        }
        int[] sampled = tokens(sample(samples, rows));
        for (int i = 0; i < sampled.length; i++) {
            if (i % 3 == 1) {
                assertThat(sampled[i]).isIn(3, 40_000, 65_536, 65_998);
            } else {
                assertThat(sampled[i]).isEqualTo(i % 3 == 0 ? 65_999 : allowed[i % 4]);
            }
        }
    }

    /** NaN is found at any token; a row whose allowed tokens all have logit -inf gets no token. */
    @Test
    void faultsAreFoundUnderAMask() {
        Dfa dfa = Dfa.lengths(100, 10, 20, 3, 5, 99);
        for (SamplingParams sampling : List.of(
                sampling(0, 0, 1, 1, -1, false), sampling(1, 5, 0.9, 1, 2, false), sampling(0, 0, 1, 2, -1, false))) {
            for (boolean before : new boolean[] {false, true}) {
                SampleRequest sample =
                        new Masked(dfa, dfa.automaton(), 0, 9, sampling).request(1, new int[] {1, 2, 12, 13}, before);
                float[] nan = noise.logits(128);
                nan[120] = Float.NaN;
                float[] infinite = noise.logits(128);
                infinite[5] = Float.POSITIVE_INFINITY;
                float[] impossible = noise.logits(128);
                Arrays.fill(impossible, 10, 20, Float.NEGATIVE_INFINITY);
                float[] good = noise.logits(128);
                List<SampledToken> sampled = sample(copies(sample, 4), List.of(nan, infinite, impossible, good));
                assertThat(sampled.subList(0, 3))
                        .containsExactly(
                                SampledToken.failed(LogitFault.NAN),
                                SampledToken.failed(LogitFault.POSITIVE_INFINITY),
                                SampledToken.failed(LogitFault.ALL_NEGATIVE_INFINITY));
                assertThat(sampled.get(3).token()).isBetween(10, 19);
            }
        }
    }

    /** Results agree to the bit, log-probabilities included. */
    @Test
    void rowsWithoutAConstraintAreTheSameBesideOthers() {
        List<Masked> masked = masked(20, 900, List.of(sampling(1, 0, 1, 1, 5, false), sampling(0, 0, 1, 1, -1, false)));
        List<SampleRequest> free = new ArrayList<>();
        List<SampleRequest> mixed = new ArrayList<>();
        List<float[]> rows = new ArrayList<>();
        List<float[]> mixedRows = new ArrayList<>();
        for (int i = 0; i < masked.size(); i++) {
            SamplingParams sampling = sampling(i % 2, i % 3 * 10, i % 5 == 0 ? 0.8 : 1, i % 4 == 0 ? 1.4 : 1, 3, false);
            free.add(new SampleRequest(sampling, i, noise.tokens(9, 900), 2, 9, SampleRequest.NONE));
            rows.add(noise.logits(1000));
            mixed.addAll(List.of(free.get(i), masked.get(i).request(i, noise.tokens(9, 900), false)));
            mixedRows.addAll(List.of(rows.get(i), noise.logits(1000)));
        }
        List<SampledToken> alone = sample(free, rows);
        List<SampledToken> beside = sample(mixed, mixedRows);
        for (int i = 0; i < alone.size(); i++) {
            assertThat(beside.get(2 * i)).as("seed %d", noise.seed).isEqualTo(alone.get(i));
            assertThat(sample(List.of(mixed.get(2 * i + 1)), List.of(mixedRows.get(2 * i + 1))))
                    .as("a masked row alone (seed %d)", noise.seed)
                    .containsExactly(beside.get(2 * i + 1));
        }
    }

    /** Where the device runs ahead, states follow over several steps from tokens that the host has not received yet. */
    @Test
    void statesAdvanceOnTheDevice() {
        assumeThat(device.stepsAhead()).isPositive();
        int steps = 7;
        int count = 30;
        List<Masked> masked =
                masked(count, 300, List.of(sampling(0, 0, 1, 1, -1, true), sampling(1, 0, 1, 1, -1, false)));
        List<List<float[]>> rows = new ArrayList<>();
        List<Tensor> logits = new ArrayList<>();
        for (int step = 0; step < steps; step++) {
            rows.add(
                    IntStream.range(0, count).mapToObj(row -> noise.logits(310)).toList());
            logits.add(logitsOf(rows.get(step)));
        }
        List<List<SampledToken>> sampled = new ArrayList<>();
        StepHandle before = null;
        for (int step = 0; step < steps; step++) {
            SampleRequest[] samples = new SampleRequest[count];
            for (int i = 0; i < count; i++) {
                int state = step == 0 ? masked.get(i).state() : Batch.sampledBefore(rowOf(i, step - 1, count));
                samples[rowOf(i, step, count)] =
                        inStep(masked.get(i), state, step).request(i, new int[3 + step], false);
            }
            int[] tokens = new int[count];
            stepIo.begin(batch(tokens, IntStream.range(0, count).toArray(), List.of(samples)));
            sampler.sample(logits.get(step), 0);
            StepHandle handle = stepIo.end();
            if (before != null) {
                sampled.add(before.await());
            }
            before = handle;
        }
        sampled.add(before.await());
        for (int i = 0; i < count; i++) {
            int state = masked.get(i).state();
            for (int step = 0; step < steps && state >= 0; step++) {
                int row = rowOf(i, step, count);
                int token = sampled.get(step).get(row).token();
                Masked now = inStep(masked.get(i), state, step);
                double[] left = now.left(Formulas.wide(rows.get(step).get(row)));
                assertThat(left[token]).as("seed %d", noise.seed).isGreaterThan(Double.NEGATIVE_INFINITY);
                if (now.sampling().isGreedy()) {
                    assertThat(token).as("seed %d", noise.seed).isEqualTo(SampleReference.ranked(left)[0]);
                }
                state = now.dfa().after(state, token); // -1 after the end token
            }
        }
    }

    private static Masked inStep(Masked masked, int state, int step) {
        int remaining = masked.dfa().fewest(masked.state()) + 9 - step;
        return new Masked(masked.dfa(), masked.automaton(), state, remaining, masked.sampling());
    }

    /** Returns the row of a sequence; sequences change rows from step to step. */
    private static int rowOf(int sequence, int step, int count) {
        return step % 2 == 0 ? sequence : count - 1 - sequence;
    }

    private Tensor logitsOf(List<float[]> rows) {
        int vocabulary = rows.get(0).length;
        Tensor logits = device.logits("logits", rows.size(), vocabulary);
        float[] values = new float[rows.size() * vocabulary];
        for (int i = 0; i < rows.size(); i++) {
            System.arraycopy(rows.get(i), 0, values, i * vocabulary, vocabulary);
        }
        device.write(logits, values);
        return logits;
    }
}
