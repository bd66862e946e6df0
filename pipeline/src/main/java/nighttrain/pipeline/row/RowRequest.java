package nighttrain.pipeline.row;

import java.io.Serializable;
import java.util.List;
import java.util.Map;
import nighttrain.executor.request.SamplingParams;
import nighttrain.io.constraint.Constraint;
import nighttrain.io.template.ChatTemplate.ChatMessage;

/**
 * What a row asks for.
 *
 * @param prompt what to go on with
 * @param decoding how
 */
public record RowRequest(Prompt prompt, Decoding decoding) {
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
