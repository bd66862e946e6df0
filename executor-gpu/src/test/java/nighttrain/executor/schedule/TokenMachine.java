package nighttrain.executor.schedule;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import nighttrain.executor.cache.CacheLayout;
import nighttrain.executor.request.Generation.TokenLogprobs;
import nighttrain.executor.step.Batch;
import nighttrain.executor.step.SampleMask;
import nighttrain.executor.step.SampleRequest;
import nighttrain.executor.step.SampledToken;
import nighttrain.executor.step.SampledToken.LogitFault;

/**
 * A device whose model is a hash: a token is computed from the earlier tokens that the widest group of layers sees in the pages of its
 * sequence. The tokens that other groups see must be the same. Tokens "still being sampled" come from the samples of the previous step, as
 * on a GPU.
 */
final class TokenMachine {
    static final int VOCABULARY = 50;

    /** Sequences with this seed or a larger one sometimes have logits that are not finite. */
    static final long FAILING = 100;

    private final CacheLayout layout;
    /** [groups][pages][tokens of a page]. */
    private final int[][][] caches;

    private final int pageTokens;
    private int[] sampledBefore = new int[0];
    private int[] statesBefore = new int[0];

    TokenMachine(CacheLayout layout) {
        this.layout = layout;
        this.pageTokens = layout.pageTokens();
        this.caches = layout.groups().stream()
                .map(group -> new int[group.pages()][pageTokens])
                .toArray(int[][][]::new);
    }

    /** Returns the token after {@code tokens[0 .. length)}. */
    static int next(int[] tokens, int length, long seed) {
        return next(tokens, 0, length, seed);
    }

    /** Returns the token after {@code tokens[from .. length)}. */
    static int next(int[] tokens, int from, int length, long seed) {
        long hash = seed;
        for (int i = from; i < length; i++) {
            hash = (hash ^ tokens[i]) * 0x9E3779B97F4A7C15L;
        }
        return (int) Long.remainderUnsigned(hash ^ hash >>> 29, VOCABULARY);
    }

    /** Returns whether the logits after {@code tokens[0 .. length)} are not finite. */
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
                store(batch, batch.pageTables()[s], row, tokens[row]);
                sequenceOf[row] = s;
            }
        }
        for (int copy = 0; copy < batch.copies().size(); copy++) {
            int row = batch.copies().rows()[copy];
            store(batch, batch.copies().pageTables()[copy], row, tokens[row]);
        }
        List<SampledToken> sampled = new ArrayList<>();
        int[] states = new int[batch.outputRows().length];
        for (int i = 0; i < batch.outputRows().length; i++) {
            int row = batch.outputRows()[i];
            int[] seen = context(batch.pageTables()[sequenceOf[row]], batch.positions()[row]);
            states[i] = state(batch.samples().get(i));
            sampled.add(sample(batch.samples().get(i), states[i], seen));
        }
        statesBefore = states;
        sampledBefore = sampled.stream().mapToInt(SampledToken::token).toArray();
        return sampled;
    }

    private void store(Batch batch, int[][] pageTables, int row, int token) {
        int position = batch.positions()[row];
        for (int group = 0; group < caches.length; group++) {
            caches[group][pageTables[group][position / pageTokens]][position % pageTokens] = token;
        }
    }

    /** Returns the tokens that the token at {@code position} sees, itself included. */
    private int[] context(int[][] pages, int position) {
        int[] widest = new int[0];
        for (int group = 0; group < caches.length; group++) {
            int window = layout.groups().get(group).spec().window();
            int from = window == 0 ? 0 : Math.max(0, position - window + 1);
            int[] seen = new int[position + 1 - from];
            for (int at = from; at <= position; at++) {
                seen[at - from] = caches[group][pages[group][at / pageTokens]][at % pageTokens];
            }
            int common = Math.min(seen.length, widest.length);
            assertThat(Arrays.copyOfRange(seen, seen.length - common, seen.length))
                    .isEqualTo(Arrays.copyOfRange(widest, widest.length - common, widest.length));
            widest = seen.length > widest.length ? seen : widest;
        }
        return widest;
    }

    /** Returns the state before a masked sample, computed as on a device. */
    private int state(SampleRequest sample) {
        if (sample.mask().isEmpty() || sample.mask().get().state() >= 0) {
            return sample.mask().map(SampleMask::state).orElse(0);
        }
        int before = ~sample.mask().get().state();
        return Math.max(
                0,
                sampledBefore[before] < 0
                        ? 0
                        : sample.mask()
                                .get()
                                .constraint()
                                .automaton()
                                .after(statesBefore[before], sampledBefore[before]));
    }

    private static SampledToken sample(SampleRequest sample, int state, int[] seen) {
        assertThat(sample.length()).isGreaterThanOrEqualTo(seen.length);
        if (failsAfter(seen, seen.length, sample.seed())) {
            return SampledToken.failed(LogitFault.NAN);
        }
        if (sample.given() != SampleRequest.NONE) {
            assertThat(Arrays.copyOfRange(sample.history(), sample.length() - seen.length, sample.length()))
                    .as("what a score is taken after")
                    .isEqualTo(seen);
            return new SampledToken(
                    sample.given(),
                    Optional.of(
                            new TokenLogprobs(sample.given(), scoreOf(sample.length(), sample.given()), List.of())));
        }
        if (sample.sampling().hasPenalties()) {
            assertThat(Arrays.copyOfRange(sample.history(), sample.length() - seen.length, sample.length()))
                    .as("what penalties go by")
                    .isEqualTo(seen);
        }
        int token = next(seen, seen.length, sample.seed());
        if (sample.mask().isPresent()) {
            SampleMask mask = sample.mask().get();
            boolean[] allowed = SampleMask.allowed(
                    mask.constraint().automaton(),
                    state,
                    mask.remaining(),
                    sample.sampling().ignoreEos());
            int[] classOf = mask.constraint().automaton().classOf();
            for (int tries = 0; token >= classOf.length || !allowed[classOf[token]]; tries++) {
                if (tries == VOCABULARY) {
                    return SampledToken.failed(LogitFault.ALL_NEGATIVE_INFINITY);
                }
                token = (token + 1) % VOCABULARY;
            }
        }
        return new SampledToken(token, Optional.empty());
    }

    /** Returns a number that stands for the log-probability of {@code token} at {@code position}. */
    static float scoreOf(int position, int token) {
        return position + token / 64f;
    }
}
