package nighttrain.pipeline.task;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import nighttrain.executor.request.Generation;
import nighttrain.executor.request.Generation.FinishReason;
import nighttrain.executor.request.Generation.TokenLogprobs;
import nighttrain.io.constraint.Constraint;
import nighttrain.io.rows.ResultRow;
import nighttrain.io.text.StopStrings;
import nighttrain.io.text.StreamingDecoder;
import nighttrain.io.text.Tokenizer;
import nighttrain.pipeline.row.RowFault;
import nighttrain.pipeline.row.RowKind;
import nighttrain.pipeline.row.RowKind.Output;
import nighttrain.pipeline.task.ActiveRow.Request;

/** Builds result rows from the engine's answers. */
final class ResultBuilder {
    private static final double NANOS_PER_MS = 1e6;

    private final Tokenizer tokenizer;
    private final boolean tokenIds;
    private final RowKind kind;
    private final String mark;
    private final String executor;
    private final AttemptCounts attempts;

    ResultBuilder(Tokenizer tokenizer, TaskSpec spec, String executor, AttemptCounts attempts) {
        this.tokenizer = tokenizer;
        this.tokenIds = spec.tokenIds();
        this.kind = spec.kind();
        this.mark = spec.decoding().constraint() instanceof Constraint.JsonSchema schema ? schema.after() : "";
        this.executor = executor;
        this.attempts = attempts;
    }

    /**
     * Returns the result of a row whose requests are answered. The first generation is the row's text; the row's answer is made of all
     * generations, and its time runs from the first submission to the last end.
     */
    ResultRow of(ActiveRow active) {
        if (active.failed().isPresent()) {
            Generation failed = active.failed().get();
            Generation.RequestError error = failed.error().orElseThrow();
            return failed(active.row(), error.kind(), error.message(), failed.promptTokens());
        }
        PromptRow row = active.row();
        List<Output> outputs = outputs(active);
        Generation answer = outputs.get(0).generation();
        int[] tokens = answer.tokens();
        return new ResultRow(
                row.file(),
                row.row(),
                row.sample(),
                row.id(),
                outputs.get(0).text(),
                answer.finishReason().label(),
                active.requests().get(0).promptTokens(),
                active.generations().stream()
                        .mapToInt(generation -> generation.tokens().length)
                        .sum(),
                null,
                null,
                tokens.length == 0 ? null : ms(answer.submittedNanos(), answer.firstTokenNanos()),
                tokens.length < 2 ? null : ms(answer.firstTokenNanos(), answer.finishedNanos()) / (tokens.length - 1),
                ms(
                        active.generations().stream()
                                .mapToLong(Generation::submittedNanos)
                                .min()
                                .orElseThrow(),
                        active.generations().stream()
                                .mapToLong(Generation::finishedNanos)
                                .max()
                                .orElseThrow()),
                attempts.attempts(row),
                executor,
                tokenIds ? tokens : null,
                logprobs(answer.logprobs()),
                logprobs(answer.promptLogprobs()),
                kind.answer(outputs)
                        .or(() -> afterMark(outputs.get(0).text(), tokens))
                        .orElse(null));
    }

    /**
     * Returns the JSON after the mark in a text that is free until the mark; empty if the whole text is JSON. The mark may be a token that
     * texts leave out.
     */
    private Optional<String> afterMark(String text, int[] tokens) {
        if (mark.isEmpty()) {
            return Optional.empty();
        }
        StopStrings strings = tokenizer.newStopStrings(List.of(mark));
        for (int i = 0; i < tokens.length && strings.end() < 0; i++) {
            strings.push(tokens[i]);
        }
        return strings.end() < 0 ? Optional.empty() : Optional.of(text.substring(strings.end()));
    }

    private String logprobs(List<TokenLogprobs> positions) {
        if (positions.isEmpty()) {
            return null;
        }
        return kind.logprobsHaveOffsets()
                ? LogprobsJson.withOffsets(positions, tokenizer)
                : LogprobsJson.of(positions, tokenizer);
    }

    /** Returns the result of a row that failed before it made a request. */
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
                attempts.attempts(row),
                executor,
                null,
                null,
                null,
                null);
    }

    private List<Output> outputs(ActiveRow active) {
        List<Output> outputs = new ArrayList<>();
        for (Generation generation : active.generations()) {
            Request request = active.requests().get(outputs.size());
            outputs.add(new Output(text(request, generation.tokens()), generation));
        }
        return outputs;
    }

    private String text(Request request, int[] tokens) {
        return request.stop()
                .filter(StopStringMatcher::stopped)
                .map(StopStringMatcher::text)
                .orElseGet(() -> tokenizer.decode(tokens));
    }

    private static double ms(long fromNanos, long toNanos) {
        return (toNanos - fromNanos) / NANOS_PER_MS;
    }

    /**
     * Writes log-probabilities, one object per token: {@code [{"id": 5, "token": "a", "logprob": -0.1, "top": [{"id": 5, "token": "a",
     * "logprob": -0.1}], "offset": 0}]}.
     */
    static final class LogprobsJson {
        private static final ObjectMapper JSON = new ObjectMapper();

        private LogprobsJson() {}

        static String of(List<TokenLogprobs> positions, Tokenizer tokenizer) {
            return list(positions, tokenizer).toString();
        }

        /** Adds each token's {@code offset}: the number of characters of the text before it. */
        static String withOffsets(List<TokenLogprobs> positions, Tokenizer tokenizer) {
            ArrayNode list = list(positions, tokenizer);
            StreamingDecoder decoder = tokenizer.newDecoder();
            int offset = 0;
            for (int i = 0; i < positions.size(); i++) {
                ((ObjectNode) list.get(i)).put("offset", offset);
                String text = decoder.push(positions.get(i).token());
                offset += text.codePointCount(0, text.length());
            }
            return list.toString();
        }

        private static ArrayNode list(List<TokenLogprobs> positions, Tokenizer tokenizer) {
            ArrayNode list = JSON.createArrayNode();
            for (TokenLogprobs position : positions) {
                ArrayNode top = put(list.addObject(), position.token(), position.logprob(), tokenizer)
                        .putArray("top");
                position.likeliest().forEach(it -> put(top.addObject(), it.token(), it.logprob(), tokenizer));
            }
            return list;
        }

        private static ObjectNode put(ObjectNode node, int token, float logprob, Tokenizer tokenizer) {
            node.put("id", token).put("token", tokenizer.text(token));
            // A token that a filter excluded has no finite logarithm, and JSON has no infinity.
            return Float.isFinite(logprob) ? node.put("logprob", logprob) : node.putNull("logprob");
        }
    }
}
