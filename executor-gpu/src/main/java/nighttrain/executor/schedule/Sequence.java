package nighttrain.executor.schedule;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import nighttrain.executor.cache.SequenceCache;
import nighttrain.executor.request.FinishReason;
import nighttrain.executor.request.Generation;
import nighttrain.executor.request.Generation.RequestError;
import nighttrain.executor.request.GenerationRequest;
import nighttrain.executor.request.TokenLogprobs;
import nighttrain.executor.step.Batch;
import nighttrain.executor.step.SampleRequest;
import nighttrain.executor.step.SampledToken;
import nighttrain.executor.step.SampledToken.LogitFault;

/**
 * A request on its way through the engine: its tokens so far, and how many of them are in the KV cache. What has been planned counts
 * as done: steps run in the order of their plans, so later ones find it done. Only the tokens that steps under way sample are not
 * known yet; they are awaited.
 */
public final class Sequence {
    private final GenerationRequest request;
    private final long submittedNanos;
    private final List<TokenLogprobs> logprobs = new ArrayList<>();
    private final List<TokenLogprobs> promptLogprobs = new ArrayList<>();
    private final int promptLength;
    private SequenceCache cache;
    private int[] tokens;
    private int length;
    private int computed;
    private int awaited;
    private int latestSample;
    private int life;
    private int cachedPromptTokens;
    private long firstTokenNanos;
    private FinishReason finishReason;
    private Optional<RequestError> error = Optional.empty();
    private volatile boolean cancelled;

    public Sequence(GenerationRequest request, long submittedNanos) {
        this.request = request;
        this.submittedNanos = submittedNanos;
        this.promptLength = request.promptTokens().length;
        this.length = promptLength;
        this.tokens = Arrays.copyOf(
                request.promptTokens(),
                promptLength + Math.min(request.sampling().maxTokens(), 64));
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

    void use(SequenceCache empty) {
        cache = empty;
    }

    /** Leading tokens whose keys and values are in the cache once the steps planned so far have run. */
    int computed() {
        return computed;
    }

    /** Of these, those whose tokens are known. */
    int computedAndKnown() {
        return Math.min(computed, length);
    }

    /** {@code count} more tokens are in a step, which does not sample after them. */
    void planned(int count) {
        computed += count;
    }

    /** {@code count} more tokens are in a step, whose sample {@code sample} comes after them. */
    void planned(int count, int sample) {
        computed += count;
        awaited++;
        latestSample = sample;
    }

    /** Tokens still to be computed before the next can be sampled. */
    int pending() {
        return length + awaited - computed;
    }

    /** Whether no step remains to be planned: the last token that it may have is on its way. */
    boolean isDrained(int maxModelLen) {
        int expected = length + awaited;
        return expected - promptLength >= request.sampling().maxTokens() || expected >= maxModelLen;
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
    }

    /** The token at {@code position}, or how the device knows it. */
    int tokenAt(int position) {
        return position < length ? tokens[position] : Batch.sampledBefore(latestSample);
    }

    /** Starts with {@code cached} tokens that were found in the cache. */
    void startAt(int cached) {
        computed = cached;
        if (length == promptLength) {
            cachedPromptTokens = cached;
        }
    }

    /** Its pages were taken away: all is to be computed again, its output kept. */
    void restart() {
        computed = 0;
        endLife();
    }

    /** Nobody waits for it any more. */
    void abandon() {
        endLife();
    }

    /** How the token at {@code position} is to be sampled. */
    SampleRequest sample(int position) {
        return new SampleRequest(
                request.sampling(), request.seed(), tokens, promptLength, position, SampleRequest.NONE);
    }

    /** That the prompt token after position {@code row} is to be scored. */
    SampleRequest score(int row) {
        return new SampleRequest(request.sampling(), request.seed(), tokens, promptLength, row + 1, tokens[row + 1]);
    }

    /** The first position whose successor in the prompt has not been scored; past the prompt where none is wanted. */
    int firstToScore() {
        return request.sampling().promptLogprobs() ? promptLogprobs.size() : promptLength;
    }

    /** Whether prompt tokens remain to be scored. */
    boolean isScoring() {
        return firstToScore() < promptLength - 1;
    }

    int promptLength() {
        return promptLength;
    }

    /** Takes the score of the prompt token at {@code position}. */
    void appendScore(SampledToken scored, int position, long nowNanos) {
        scored.fault().ifPresent(fault -> fail(fault, "prompt token " + (position + 1), nowNanos));
        scored.logprobs().ifPresent(promptLogprobs::add);
        if (isFinished()) {
            endLife();
        }
    }

    /** Ends it with an error. */
    private void fail(LogitFault fault, String where, long nowNanos) {
        firstTokenNanos = firstTokenNanos == 0 ? nowNanos : firstTokenNanos;
        finishReason = FinishReason.ERROR;
        error = Optional.of(new RequestError(
                "logits_not_finite",
                "logits are not finite: " + fault.found() + " at " + where
                        + " (the checkpoint holds NaN or infinity, or"
                        + " values overflow bf16; check the weights, or compute in fp32 with --backend cpu)"));
    }

    /** Takes a sampled token and decides whether it was the last. */
    void append(SampledToken sampled, int maxModelLen, long nowNanos) {
        if (firstTokenNanos == 0) {
            firstTokenNanos = nowNanos;
        }
        awaited--;
        take(sampled, maxModelLen, nowNanos);
        if (isFinished()) {
            endLife();
        }
    }

    private void take(SampledToken sampled, int maxModelLen, long nowNanos) {
        if (sampled.fault().isPresent()) {
            fail(sampled.fault().get(), "output token " + (length - promptLength + 1), nowNanos);
            return;
        }
        boolean stopToken =
                !request.sampling().ignoreEos() && request.stopTokens().contains(sampled.token());
        if (stopToken) {
            finishReason = FinishReason.STOP;
            return;
        }
        if (length == tokens.length) {
            tokens = Arrays.copyOf(tokens, length + length / 2 + 16);
        }
        tokens[length++] = sampled.token();
        sampled.logprobs().ifPresent(logprobs::add);
        if (request.stopCheck().stopsAfter(sampled.token())) {
            finishReason = FinishReason.STOP;
        } else if (length - promptLength >= request.sampling().maxTokens() || length >= maxModelLen) {
            finishReason = FinishReason.LENGTH;
        }
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
                List.copyOf(promptLogprobs),
                List.of(),
                promptLength,
                cachedPromptTokens,
                submittedNanos,
                firstTokenNanos,
                nowNanos);
    }
}
