package nighttrain.executor.schedule;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import nighttrain.executor.request.TokenLogprobs;
import nighttrain.executor.step.Batch;
import nighttrain.executor.step.LogitFault;
import nighttrain.executor.step.SampleRequest;
import nighttrain.executor.step.SampledToken;

/**
 * A device whose model is a hash: a token follows from all tokens before it, as they lie in the pages of its sequence. Tokens
 * "still being sampled" come from the samples of the step before, as on a GPU.
 */
final class TokenMachine {
    static final int VOCABULARY = 50;

    /** Sequences of this seed and more have logits that are not finite now and then. */
    static final long FAILING = 100;

    private final int[][] cache;
    private final int pageTokens;
    private int[] sampledBefore = new int[0];

    TokenMachine(int pages, int pageTokens) {
        this.cache = new int[pages][pageTokens];
        this.pageTokens = pageTokens;
    }

    /** The token that comes after {@code tokens[0 .. length)}. */
    static int next(int[] tokens, int length, long seed) {
        long hash = seed;
        for (int i = 0; i < length; i++) {
            hash = (hash ^ tokens[i]) * 0x9E3779B97F4A7C15L;
        }
        return (int) Long.remainderUnsigned(hash ^ hash >>> 29, VOCABULARY);
    }

    /** Whether no token can come after {@code tokens[0 .. length)}. */
    static boolean failsAfter(int[] tokens, int length, long seed) {
        return seed >= FAILING && next(tokens, length, seed + 7) % 12 == 0;
    }

    List<SampledToken> run(Batch batch) {
        int[] tokens = Arrays.stream(batch.tokens())
                .map(token -> token < 0 ? Math.max(0, sampledBefore[~token]) : token)
                .toArray();
        int[] sequenceOf = new int[tokens.length];
        for (int s = 0; s < batch.sequences(); s++) {
            for (int row = batch.queryStarts()[s]; row < batch.queryStarts()[s + 1]; row++) {
                int position = batch.positions()[row];
                cache[batch.pageTables()[s][0][position / pageTokens]][position % pageTokens] = tokens[row];
                sequenceOf[row] = s;
            }
        }
        List<SampledToken> sampled = new ArrayList<>();
        for (int i = 0; i < batch.outputRows().length; i++) {
            int row = batch.outputRows()[i];
            int[] seen = context(batch.pageTables()[sequenceOf[row]][0], batch.positions()[row] + 1);
            sampled.add(sample(batch.samples().get(i), seen));
        }
        sampledBefore = sampled.stream().mapToInt(SampledToken::token).toArray();
        return sampled;
    }

    private int[] context(int[] pages, int length) {
        int[] seen = new int[length];
        for (int position = 0; position < length; position++) {
            seen[position] = cache[pages[position / pageTokens]][position % pageTokens];
        }
        return seen;
    }

    private static SampledToken sample(SampleRequest sample, int[] seen) {
        assertThat(sample.length()).isEqualTo(seen.length);
        if (failsAfter(seen, seen.length, sample.seed())) {
            return SampledToken.failed(LogitFault.NAN);
        }
        if (sample.given() != SampleRequest.NONE) {
            return new SampledToken(sample.given(), Optional.of(new TokenLogprobs(sample.given(), seen.length, List.of())));
        }
        if (sample.sampling().hasPenalties()) {
            assertThat(Arrays.copyOf(sample.history(), sample.length()))
                    .as("what penalties go by")
                    .isEqualTo(seen);
        }
        return new SampledToken(next(seen, seen.length, sample.seed()), Optional.empty());
    }
}
