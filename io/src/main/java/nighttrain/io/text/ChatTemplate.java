package nighttrain.io.text;

import java.nio.file.Path;
import java.util.List;

/** How a model wants conversations written: the Jinja template that its makers ship. Safe for use by several threads. */
public final class ChatTemplate {
    private ChatTemplate() {}

    /**
     * The template of a model directory: {@code chat_template.jinja}, or {@code chat_template} of tokenizer_config.json.
     *
     * @throws nighttrain.io.UserError where there is none
     */
    public static ChatTemplate open(Path modelDir) {
        throw new UnsupportedOperationException("not yet");
    }

    /**
     * The text to tokenise, special tokens included: encode it without adding them again.
     *
     * @param addGenerationPrompt end with the beginning of the assistant's turn
     * @throws ChatTemplateException where the template refuses these messages, or takes too long or too much
     */
    public String render(List<ChatMessage> messages, boolean addGenerationPrompt) {
        throw new UnsupportedOperationException("not yet");
    }
}
