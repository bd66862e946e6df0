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
 * A request in the engine: its tokens so far, and how many of them are in the KV cache. Planned tokens count as computed: steps run in the order of
 * their plans, so later steps find them computed. Only the tokens that steps under way sample are not known yet; they are awaited.
 */
public final class Sequence {
    private static final int UNKNOWN = -1;

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
    private int cachedPromptTokens = UNKNOWN;
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

    /** Returns whether tokens are sampled after the prompt. Otherwise only scores are wanted, and the prompt ends at the last of them. */
    boolean samples() {
        return request.scores().isEmpty();
    }

    public GenerationRequest request() {
        return request;
    }

    /** Cancels the sequence: the scheduler drops it before the next step. */
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

    /** Returns its pages and slot, once the scheduler has the sequence. */
    public SequenceCache cache() {
        return cache;
    }

    /** Sets its empty cache and the most tokens that it may have. */
    void use(SequenceCache empty, int maxModelLen) {
        cache = empty;
        longest = (int) Math.min((long) promptLength + request.sampling().maxTokens(), maxModelLen);
    }

    /** Leading tokens whose keys and values are in the cache once the steps planned so far have run. */
    int computed() {
        return computed;
    }

    /** Computed leading tokens whose ids the host knows. */
    int computedAndKnown() {
        return Math.min(computed, length);
    }

    /** Records that {@code count} more tokens, and all scores before number {@code scores}, are planned. */
    void planned(int count, int scores) {
        if (cachedPromptTokens == UNKNOWN) { // if it begins again, it also finds tokens that it computed itself
            cachedPromptTokens = computed;
        }
        computed += count;
        plannedScores = scores;
    }

    /** Records that the step samples the next token, as its sample {@code sample}. */
    void awaits(int sample) {
        awaited++;
        latestSample = sample;
    }

    /** Tokens still to be computed before the next can be sampled. */
    int pending() {
        return length + awaited - computed;
    }

    /** Returns whether no step remains to be planned: the last token that it may have, or the last score, is in a step under way. */
    boolean isDrained() {
        return samples() ? length + awaited >= longest : !isScoring();
    }

    /** Returns whether no step can be planned before the one under way ends: the host needs its token to describe how to sample the next. */
    boolean mustWait() {
        return awaited > 0 && request.sampling().hasPenalties();
    }

    /** Returns a number that changes when all planned tokens become void: its pages were taken away, or it ended. */
    int life() {
        return life;
    }

    private void endLife() {
        life++;
        awaited = 0;
        plannedScores = scored.size();
    }

    /** Returns the token at {@code position}, or {@link Batch#sampledBefore} if only the device knows it. */
    int tokenAt(int position) {
        return position < length ? tokens[position] : Batch.sampledBefore(latestSample);
    }

    /** Pending tokens that one step may compute: none beyond a cut. */
    int inReach() {
        return cut > computed ? cut - computed : pending();
    }

    /** The position at which a step must stop, so that others start from its state there; 0: none. */
    int cut() {
        return cut;
    }

    void cutAt(int tokens) {
        cut = tokens;
    }

    /** Starts with {@code shared} tokens whose pages it shares, and {@code copied} tokens that its first step copies. */
    void startAt(int shared, int copied) {
        computed = shared + copied;
        adopted = shared;
    }

    /** Returns how many leading tokens a sequence that begins alike can reuse, plus one. */
    int reusable() {
        return wantedScores() > 0 ? position(0) : length;
    }

    /** Returns the number of leading tokens that both have in common. */
    int sameAs(Sequence other) {
        int mismatch = Arrays.mismatch(tokens, 0, length, other.tokens, 0, other.length);
        return mismatch < 0 ? length : mismatch;
    }

    /** Records that its pages were taken away: all tokens are to be computed again, and the output is kept. */
    void restart() {
        computed = 0;
        cut = 0;
        endLife();
    }

    /** Leading tokens that it found in the cache when it started, and whose pages it shares. */
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

    /** Returns whether its output ended at its token limit. */
    boolean endedAtLimit() {
        return finishReason == FinishReason.LENGTH;
    }

    /** Makes its planned tokens void: it was cancelled. */
    void abandon() {
        endLife();
    }

    /** Returns how to sample the token at {@code position}. */
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

    /** Returns whether both only score, and have the same tokens before the first score. */
    public boolean scoresTheSamePrompt(Sequence other) {
        return !samples()
                && !other.samples()
                && Arrays.equals(tokens, 0, position(0), other.tokens, 0, other.position(0));
    }

    /** Number of log-probabilities of given tokens that it wants, by ascending position: of the request's scores, or of the prompt's own tokens. */
    private int wantedScores() {
        return samples()
                ? request.sampling().promptLogprobs() ? promptLength - 1 : 0
                : request.scores().size();
    }

    /** Returns how many tokens precede the token that score {@code index} is of. */
    private int position(int index) {
        return samples() ? index + 1 : request.scores().get(index).position();
    }

    /** Returns the sample request of score {@code index}. */
    SampleRequest score(int index) {
        int position = position(index);
        int token = samples() ? tokens[position] : request.scores().get(index).token();
        return new SampleRequest(request.sampling(), request.seed(), tokens, promptLength, position, token);
    }

    /** Returns the position of the token whose logits score {@code index} is taken from. */
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

    /** Returns whether score {@code index} exists and is taken from a token before {@code end}. */
    boolean hasScore(int index, int end) {
        return index < wantedScores() && position(index) <= end;
    }

    /**
     * Returns how many of the next {@code most} tokens fit into a step with room for {@code room} scores: as many as have all their scores fit. If
     * one token has more than {@code perStep} scores, the step takes some of them, and the token is computed again in the next step.
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

    /** Returns how many leading tokens may be found in the cache, plus one: the logits of the others are wanted. */
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

    /** Ends the sequence with an error. */
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

    /** Takes a sampled token and decides whether it is the last. */
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

    /**
     * Returns whether {@code token} ends the output without being part of it. A constraint has its own end tokens and decides where they are allowed.
     */
    private boolean isEnd(int token) {
        return request.constraint().isPresent()
                ? classOf(request.constraint().get().automaton(), token) == TokenAutomaton.END_CLASS
                : !request.sampling().ignoreEos() && request.stopTokens().contains(token);
    }

    private static int classOf(TokenAutomaton automaton, int token) {
        return token < automaton.classOf().length ? automaton.classOf()[token] : 0;
    }

    /** Returns whether the constraint allows nothing but the end after {@code token}. At the token limit, the limit is ignored. */
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

    /** Returns whether it ended with an error. */
    boolean isFailed() {
        return error.isPresent();
    }

    boolean isFinished() {
        return finishReason != null;
    }

    /** Returns the answer, once finished. */
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
