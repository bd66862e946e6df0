package nighttrain.pipeline.task;

import java.util.List;
import nighttrain.executor.request.FinishReason;
import nighttrain.executor.request.Generation;
import nighttrain.executor.request.TokenLogprobs;
import nighttrain.io.rows.ResultRow;
import nighttrain.io.text.Tokenizer;
import nighttrain.pipeline.row.RowFault;

/** Answers to rows of the results. */
final class ResultBuilder {
    private static final double NANOS_PER_MS = 1e6;

    private final Tokenizer tokenizer;
    private final boolean tokenIds;
    private final boolean offsets;
    private final String executor;
    private final AttemptCounts tries;

    /** {@code offsets}: log-probabilities carry their place in the text. */
    ResultBuilder(Tokenizer tokenizer, boolean tokenIds, boolean offsets, String executor, AttemptCounts tries) {
        this.tokenizer = tokenizer;
        this.tokenIds = tokenIds;
        this.offsets = offsets;
        this.executor = executor;
        this.tries = tries;
    }

    /** The row of an answered request. */
    ResultRow of(Request request, Generation answer) {
        if (answer.error().isPresent()) {
            Generation.RequestError error = answer.error().get();
            return failed(request.row(), error.kind(), error.message(), answer.promptTokens());
        }
        PromptRow row = request.row();
        int[] tokens = answer.tokens();
        return new ResultRow(
                row.file(),
                row.row(),
                row.sample(),
                row.id(),
                text(request, tokens),
                answer.finishReason().label(),
                answer.promptTokens(),
                tokens.length,
                null,
                null,
                tokens.length == 0 ? null : ms(answer.submittedNanos(), answer.firstTokenNanos()),
                tokens.length < 2 ? null : ms(answer.firstTokenNanos(), answer.finishedNanos()) / (tokens.length - 1),
                ms(answer.submittedNanos(), answer.finishedNanos()),
                tries.attempts(row),
                executor,
                tokenIds ? tokens : null,
                logprobs(answer.logprobs()),
                logprobs(answer.promptLogprobs()));
    }

    private String logprobs(List<TokenLogprobs> positions) {
        if (positions.isEmpty()) {
            return null;
        }
        return offsets ? LogprobsJson.withOffsets(positions, tokenizer) : LogprobsJson.of(positions, tokenizer);
    }

    /** The row of a prompt that could not be asked. */
    ResultRow of(PromptRow row, RowFault fault) {
        return failed(row, fault.kind(), fault.getMessage(), 0);
    }

    private ResultRow failed(PromptRow row, String kind, String message, int promptTokens) {
        return new ResultRow(
                row.file(),
                row.row(),
                row.sample(),
                row.id(),
                null,
                FinishReason.ERROR.label(),
                promptTokens,
                0,
                kind,
                message,
                null,
                null,
                null,
                tries.attempts(row),
                executor,
                null,
                null,
                null);
    }

    private String text(Request request, int[] tokens) {
        return request.stop().filter(StopStringMatcher::stopped).map(StopStringMatcher::text).orElseGet(() -> tokenizer.decode(tokens));
    }

    private static double ms(long fromNanos, long toNanos) {
        return (toNanos - fromNanos) / NANOS_PER_MS;
    }
}
