package nighttrain.pipeline.row;

import java.util.List;
import java.util.Map;
import nighttrain.io.template.ChatMessage;

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
