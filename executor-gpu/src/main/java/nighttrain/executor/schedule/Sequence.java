package nighttrain.executor.schedule;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import nighttrain.executor.cache.SequenceCache;
import nighttrain.executor.request.Generation;
import nighttrain.executor.request.Generation.FinishReason;
import nighttrain.executor.request.Generation.RequestError;
import nighttrain.executor.request.Generation.TokenLogprobs;
import nighttrain.executor.request.GenerationRequest;
import nighttrain.executor.request.GenerationRequest.TokenConstraint;
import nighttrain.executor.step.Batch;
import nighttrain.executor.step.SampleMask;
import nighttrain.executor.step.SampleRequest;
import nighttrain.executor.step.SampledToken;
import nighttrain.executor.step.SampledToken.LogitFault;
import nighttrain.io.constraint.TokenAutomaton;

/**
 * A request on its way through the engine: its tokens so far, and how many of them are in the KV cache. What has been planned counts
 * as done: steps run in the order of their plans, so later ones find it done. Only the tokens that steps under way sample are not
 * known yet; they are awaited.
 */
public final class Sequence {
    private final GenerationRequest request;
    private final long submittedNanos;
    private final List<TokenLogprobs> logprobs = new ArrayList<>();
    private final List<TokenLogprobs> scored = new ArrayList<>();
    private final int promptLength;
    private SequenceCache cache;
    private int longest;
    private int[] tokens;
    private int length;
    private int computed;
    private int awaited;
    private int latestSample;
    private int plannedScores;
    private int constraintState = TokenAutomaton.START;
    private int life;
    private int cachedPromptTokens;
    private int adopted;
    private int cut;
    private long firstTokenNanos;
    private FinishReason finishReason;
    private Optional<RequestError> error = Optional.empty();
    private volatile boolean cancelled;

    public Sequence(GenerationRequest request, long submittedNanos) {
        this.request = request;
        this.submittedNanos = submittedNanos;
        this.promptLength = samples() ? request.promptTokens().length : position(wantedScores() - 1);
        this.length = promptLength;
        int room = samples() ? Math.min(request.sampling().maxTokens(), 64) : 0;
        this.tokens = Arrays.copyOf(request.promptTokens(), promptLength + room);
    }

    /** Whether tokens are sampled after the prompt; otherwise all it wants is scores, and the prompt after the last of them is nothing to it. */
    boolean samples() {
        return request.scores().isEmpty();
    }

    public GenerationRequest request() {
        return request;
    }

    /** Gives up: the scheduler forgets it before the next step. */
    public void cancel() {
        cancelled = true;
    }

    public boolean isCancelled() {
        return cancelled;
    }

    /** Prompt and output so far, in an array that may be longer than {@link #length}. */
    public int[] tokens() {
        return tokens;
    }

    public int length() {
        return length;
    }

    /** What it has of the cache, once the scheduler has it. */
    public SequenceCache cache() {
        return cache;
    }

    /** Takes an empty cache, and the most tokens that a sequence may have. */
    void use(SequenceCache empty, int maxModelLen) {
        cache = empty;
        longest = (int) Math.min((long) promptLength + request.sampling().maxTokens(), maxModelLen);
    }

    /** Leading tokens whose keys and values are in the cache once the steps planned so far have run. */
    int computed() {
        return computed;
    }

    /** Of these, those whose tokens are known. */
    int computedAndKnown() {
        return Math.min(computed, length);
    }

    /** {@code count} more tokens are in a step, and the scores before {@code scores}. */
    void planned(int count, int scores) {
        computed += count;
        plannedScores = scores;
    }

    /** The step samples the token after these: it is the step's sample {@code sample}. */
    void awaits(int sample) {
        awaited++;
        latestSample = sample;
    }

    /** Tokens still to be computed before the next can be sampled. */
    int pending() {
        return length + awaited - computed;
    }

    /** Whether no step remains to be planned: the last token that it may have, or the last score, is on its way. */
    boolean isDrained() {
        return samples() ? length + awaited >= longest : !isScoring();
    }

    /** Whether no step can be planned before the one under way lands: the host needs its token to say how to sample the next. */
    boolean mustWait() {
        return awaited > 0 && request.sampling().hasPenalties();
    }

    /** A number that changes when all that was planned is void: its pages were taken away, or it came to its end. */
    int life() {
        return life;
    }

    private void endLife() {
        life++;
        awaited = 0;
        plannedScores = scored.size();
    }

    /** The token at {@code position}, or how the device knows it. */
    int tokenAt(int position) {
        return position < length ? tokens[position] : Batch.sampledBefore(latestSample);
    }

    /** Tokens that one step may take of those pending: none beyond a cut. */
    int inReach() {
        return cut > computed ? cut - computed : pending();
    }

    /** Where no step may go beyond without stopping, so that others start from its state there; 0: nowhere. */
    int cut() {
        return cut;
    }

    void cutAt(int tokens) {
        cut = tokens;
    }

    /** Starts with {@code shared} tokens whose pages it shares, and {@code copied} that its first step copies. */
    void startAt(int shared, int copied) {
        computed = shared + copied;
        adopted = shared;
        if (length == promptLength) {
            cachedPromptTokens = computed;
        }
    }

    /** How many of its leading tokens one that began as it does need not have computed. */
    int reusable() {
        return wantedScores() > 0 ? position(0) : length;
    }

    /** Leading tokens that both have. */
    int sameAs(Sequence other) {
        int mismatch = Arrays.mismatch(tokens, 0, length, other.tokens, 0, other.length);
        return mismatch < 0 ? length : mismatch;
    }

    /** Its pages were taken away: all is to be computed again, its output kept. */
    void restart() {
        computed = 0;
        cut = 0;
        endLife();
    }

    /** Leading tokens that it found in the cache when it started: it shares their pages. */
    int adopted() {
        return adopted;
    }

    /** Tokens of its output so far. */
    int outputTokens() {
        return length - promptLength;
    }

    /** The most tokens that its output may still grow by. */
    int mostToCome() {
        return samples() ? Math.max(0, longest - length) : 0;
    }

    /** Whether its output ended because it may have no more tokens. */
    boolean endedAtLimit() {
        return finishReason == FinishReason.LENGTH;
    }

    /** Nobody waits for it any more. */
    void abandon() {
        endLife();
    }

    /** How the token at {@code position} is to be sampled. */
    SampleRequest sample(int position) {
        int state = awaited > 0 ? Batch.sampledBefore(latestSample) : constraintState;
        return new SampleRequest(
                request.sampling(),
                request.seed(),
                tokens,
                promptLength,
                position,
                SampleRequest.NONE,
                request.constraint().map(constraint -> new SampleMask(constraint, state, longest - position)));
    }

    /** Whether the first token that either scores comes after the same tokens. */
    public boolean scoresTheSamePrompt(Sequence other) {
        return !samples()
                && !other.samples()
                && Arrays.equals(tokens, 0, position(0), other.tokens, 0, other.position(0));
    }

    /** Log-probabilities of given tokens that it wants, by ascending position: the request's scores, or the prompt's own tokens. */
    private int wantedScores() {
        return samples()
                ? request.sampling().promptLogprobs() ? promptLength - 1 : 0
                : request.scores().size();
    }

    /** How many tokens come before the one that score {@code index} is of. */
    private int position(int index) {
        return samples() ? index + 1 : request.scores().get(index).position();
    }

    /** That score {@code index} is wanted. */
    SampleRequest score(int index) {
        int position = position(index);
        int token = samples() ? tokens[position] : request.scores().get(index).token();
        return new SampleRequest(request.sampling(), request.seed(), tokens, promptLength, position, token);
    }

    /** The token whose logits score {@code index} is taken of. */
    int scoredRow(int index) {
        return position(index) - 1;
    }

    /** Scores that have been planned. */
    int plannedScores() {
        return plannedScores;
    }

    /** Whether scores remain to be planned. */
    boolean isScoring() {
        return plannedScores < wantedScores();
    }

    /** Whether the scores from {@code index} on have any among those of the tokens before {@code end}. */
    boolean hasScore(int index, int end) {
        return index < wantedScores() && position(index) <= end;
    }

    /**
     * How many of the next {@code most} tokens a step can take that has room for {@code room} scores: so many that all of their scores fit.
     * Where one token has more than {@code perStep}, the step takes some of them, and the token is computed again in the next.
     */
    int tokensWithin(int most, int room, int perStep) {
        int next = plannedScores;
        int left = room;
        while (hasScore(next, computed + most)) {
            int after = next;
            while (hasScore(after, position(next))) {
                after++;
            }
            if (after - next > left) {
                boolean cut = after - next > perStep && left > 0;
                return scoredRow(next) - computed + (cut ? 1 : 0);
            }
            left -= after - next;
            next = after;
        }
        return most;
    }

    /** Leading tokens that may be found in the cache, and one: the logits of the others are wanted. */
    int adoptable() {
        return isScoring() ? position(plannedScores) : length;
    }

    /** Takes the next score. */
    void appendScore(SampledToken score, long nowNanos) {
        int index = scored.size();
        String where = samples()
                ? "prompt token " + (position(index) + 1)
                : "score " + (index + 1) + ", position " + position(index);
        score.fault().ifPresent(fault -> fail(fault, where, nowNanos));
        score.logprobs().ifPresent(scored::add);
        if (!isFinished() && !samples() && scored.size() == wantedScores()) {
            finishReason = FinishReason.STOP;
            firstTokenNanos = nowNanos;
        }
        if (isFinished()) {
            endLife();
        }
    }

    /** Ends it with an error. */
    private void fail(LogitFault fault, String where, long nowNanos) {
        firstTokenNanos = firstTokenNanos == 0 ? nowNanos : firstTokenNanos;
        finishReason = FinishReason.ERROR;
        boolean masked = request.constraint().isPresent() && fault == LogitFault.ALL_NEGATIVE_INFINITY;
        error = Optional.of(new RequestError(
                "logits_not_finite",
                "logits are not finite: " + fault.found() + (masked ? " that the constraint allows" : "") + " at "
                        + where
                        + " (the checkpoint holds NaN or infinity, or"
                        + " values overflow bf16; check the weights, or compute in fp32 with --backend cpu)"));
    }

    /** Takes a sampled token and decides whether it was the last. */
    void append(SampledToken sampled, long nowNanos) {
        if (firstTokenNanos == 0) {
            firstTokenNanos = nowNanos;
        }
        awaited--;
        take(sampled, nowNanos);
        if (isFinished()) {
            endLife();
        }
    }

    private void take(SampledToken sampled, long nowNanos) {
        if (sampled.fault().isPresent()) {
            fail(sampled.fault().get(), "output token " + (length - promptLength + 1), nowNanos);
            return;
        }
        if (isEnd(sampled.token())) {
            finishReason = FinishReason.STOP;
            return;
        }
        if (length == tokens.length) {
            tokens = Arrays.copyOf(tokens, length + length / 2 + 16);
        }
        tokens[length++] = sampled.token();
        sampled.logprobs().ifPresent(logprobs::add);
        if (request.stopCheck().stopsAfter(sampled.token()) || isComplete(sampled.token())) {
            finishReason = FinishReason.STOP;
        } else if (length >= longest) {
            finishReason = FinishReason.LENGTH;
        }
    }

    /** Whether {@code token} ends it and is not part of it. A constraint knows its end tokens, and lets them come where they may. */
    private boolean isEnd(int token) {
        return request.constraint().isPresent()
                ? classOf(request.constraint().get().automaton(), token) == TokenAutomaton.END_CLASS
                : !request.sampling().ignoreEos() && request.stopTokens().contains(token);
    }

    private static int classOf(TokenAutomaton automaton, int token) {
        return token < automaton.classOf().length ? automaton.classOf()[token] : 0;
    }

    /** Whether the constraint, after {@code token}, lets nothing come but the end. At the limit of tokens: whatever the limit. */
    private boolean isComplete(int token) {
        Optional<TokenConstraint> constraint = request.constraint();
        if (constraint.isEmpty()) {
            return false;
        }
        TokenAutomaton automaton = constraint.get().automaton();
        constraintState = automaton.after(constraintState, token);
        if (constraintState == TokenAutomaton.REFUSED) {
            throw new IllegalStateException("the device sampled a token that its constraint refuses: " + token);
        }
        return SampleMask.isComplete(
                automaton, constraintState, length >= longest ? Integer.MAX_VALUE : longest - length);
    }

    /** Whether it ended with an error. */
    boolean isFailed() {
        return error.isPresent();
    }

    boolean isFinished() {
        return finishReason != null;
    }

    /** The answer, once finished. */
    public Generation generation(long nowNanos) {
        return new Generation(
                request.id(),
                Arrays.copyOfRange(tokens, promptLength, length),
                finishReason,
                error,
                List.copyOf(logprobs),
                samples() ? List.copyOf(scored) : List.of(),
                samples()
                        ? List.of()
                        : scored.stream().map(TokenLogprobs::logprob).toList(),
                request.promptTokens().length,
                cachedPromptTokens,
                submittedNanos,
                firstTokenNanos,
                nowNanos);
    }
}
