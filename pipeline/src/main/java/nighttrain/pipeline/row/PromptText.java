package nighttrain.pipeline.row;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Supplier;
import nighttrain.io.template.ChatTemplate;
import nighttrain.io.template.ChatTemplate.ChatMessage;
import nighttrain.io.template.ChatTemplate.ChatTemplateException;
import nighttrain.io.text.Tokenizer;
import nighttrain.pipeline.row.RowRequest.Prompt;

/**
 * Prompts as a model's token ids.
 *
 * @param tokenizer the model's
 * @param template of conversations; opened when first needed
 * @param system message before every prompt, which turns plain text into a conversation
 */
public record PromptText(Tokenizer tokenizer, Supplier<ChatTemplate> template, Optional<String> system) {
    /** Token ids of a prompt; none where it is empty. */
    public int[] encode(Prompt prompt) throws RowFault {
        return encode(prompt, "");
    }

    /** Token ids of a prompt that {@code more} follows: what the model would write. */
    public int[] encode(Prompt prompt, String more) throws RowFault {
        if (prompt instanceof Prompt.Chat chat) {
            return chat(chat.messages(), chat.arguments(), more);
        }
        String text = ((Prompt.Text) prompt).text();
        if (text.isEmpty()) {
            return new int[0];
        }
        return system.isPresent()
                ? chat(List.of(ChatMessage.of("user", text)), Map.of(), more)
                : tokenizer.encode(text + more, true);
    }

    private int[] chat(List<ChatMessage> turns, Map<String, Object> arguments, String more) throws RowFault {
        if (turns.isEmpty()) {
            return new int[0];
        }
        List<ChatMessage> messages = new ArrayList<>(turns);
        system.ifPresent(text -> messages.add(0, ChatMessage.of("system", text)));
        try {
            return tokenizer.encode(template.get().render(messages, true, arguments) + more, false);
        } catch (ChatTemplateException refused) {
            throw new RowFault("chat_template", refused.getMessage());
        }
    }
}
