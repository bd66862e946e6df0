package nighttrain.pipeline.row;

import java.io.Serializable;
import java.util.List;
import java.util.Map;
import nighttrain.executor.request.GenerationRequest.Score;
import nighttrain.executor.request.SamplingParams;
import nighttrain.io.constraint.Constraint;
import nighttrain.io.template.ChatTemplate.ChatMessage;

/**
 * A request of a row.
 *
 * @param prompt prompt to continue
 * @param decoding how to decode; for a scored request, its token limit is the room that the prompt leaves
 * @param continuation given tokens that follow the prompt, if any
 */
public record RowRequest(Prompt prompt, Decoding decoding, Continuation continuation) {
    /** Creates a request for new text. */
    public RowRequest(Prompt prompt, Decoding decoding) {
        this(prompt, decoding, Continuation.NONE);
    }

    /**
     * How an output is generated.
     *
     * @param sampling how tokens are chosen
     * @param stop texts that end the output
     * @param seed seed of every random number
     * @param constraint constraint on the output; null: any text
     * @param logprobsBefore whether log-probabilities are those without the constraint
     */
    public record Decoding(
            SamplingParams sampling, List<String> stop, long seed, Constraint constraint, boolean logprobsBefore)
            implements Serializable {
        public Decoding {
            stop = List.copyOf(stop);
        }

        /** Creates a decoding without a constraint. */
        public Decoding(SamplingParams sampling, List<String> stop, long seed) {
            this(sampling, stop, seed, null, false);
        }
    }

    /**
     * Given tokens that follow the prompt, and the log-probabilities requested there. A request with scores samples nothing.
     *
     * @param tokens tokens after the prompt's
     * @param scores scores by ascending position; position 0 is that of the first token after the prompt
     */
    public record Continuation(List<Integer> tokens, List<Score> scores) implements Serializable {
        /** No continuation: the model generates new text. */
        public static final Continuation NONE = new Continuation(List.of(), List.of());

        private static final long serialVersionUID = 1L;

        public Continuation {
            tokens = List.copyOf(tokens);
            scores = List.copyOf(scores);
        }
    }

    /** The prompt that a request asks the model to continue. */
    public sealed interface Prompt {
        /** Text to complete as it is. */
        record Text(String text) implements Prompt {}

        /**
         * A conversation to continue.
         *
         * @param messages in order
         * @param arguments further variables for the chat template
         */
        record Chat(List<ChatMessage> messages, Map<String, Object> arguments) implements Prompt {}
    }
}
