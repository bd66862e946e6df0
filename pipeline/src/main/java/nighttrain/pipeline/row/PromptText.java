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
 * Encodes prompts as a model's token ids.
 *
 * @param tokenizer the model's tokenizer
 * @param template chat template of conversations; opened when first needed
 * @param system system message before every prompt, which turns plain text into a conversation
 */
public record PromptText(Tokenizer tokenizer, Supplier<ChatTemplate> template, Optional<String> system) {
    /** Returns the token ids of a prompt; none if it is empty. */
    public int[] encode(Prompt prompt) throws RowFault {
        return encode(prompt, "");
    }

    /** Returns the token ids of a prompt followed by {@code more}, the beginning of the model's output. */
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
