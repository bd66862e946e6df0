package nighttrain.pipeline.row;

import java.io.Serializable;
import java.util.List;
import java.util.Map;
import nighttrain.executor.request.GenerationRequest.Score;
import nighttrain.executor.request.SamplingParams;
import nighttrain.io.constraint.Constraint;
import nighttrain.io.template.ChatTemplate.ChatMessage;

/**
 * What a row asks for.
 *
 * @param prompt what to go on with
 * @param decoding how; of a scored request its most tokens are the room that the prompt leaves
 * @param continuation what follows the prompt, if that is given
 */
public record RowRequest(Prompt prompt, Decoding decoding, Continuation continuation) {
    /** A request for new text. */
    public RowRequest(Prompt prompt, Decoding decoding) {
        this(prompt, decoding, Continuation.NONE);
    }

    /**
     * How an output comes about.
     *
     * @param sampling how tokens are chosen
     * @param stop texts that end it
     * @param seed of every random number
     * @param constraint what it must be; null: any text
     * @param logprobsBefore whether log-probabilities are those without the constraint
     */
    public record Decoding(
            SamplingParams sampling, List<String> stop, long seed, Constraint constraint, boolean logprobsBefore)
            implements Serializable {
        public Decoding {
            stop = List.copyOf(stop);
        }

        /** Of any text. */
        public Decoding(SamplingParams sampling, List<String> stop, long seed) {
            this(sampling, stop, seed, null, false);
        }
    }

    /**
     * Tokens that follow the prompt, and log-probabilities that are wanted there. A request with scores samples nothing.
     *
     * @param tokens after the prompt's
     * @param scores by ascending position; position 0 is that of the first token after the prompt
     */
    public record Continuation(List<Integer> tokens, List<Score> scores) implements Serializable {
        /** Nothing is given: new text follows. */
        public static final Continuation NONE = new Continuation(List.of(), List.of());

        private static final long serialVersionUID = 1L;

        public Continuation {
            tokens = List.copyOf(tokens);
            scores = List.copyOf(scores);
        }
    }

    /** What a request asks the model to go on with. */
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
