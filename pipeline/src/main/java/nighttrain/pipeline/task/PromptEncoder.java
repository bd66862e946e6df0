package nighttrain.pipeline.task;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import nighttrain.io.template.ChatTemplate.ChatMessage;
import nighttrain.io.template.ChatTemplate.ChatTemplateException;
import nighttrain.io.text.Truncation;
import nighttrain.pipeline.host.HostedModel;
import nighttrain.pipeline.row.RowFault;
import nighttrain.pipeline.row.RowRequest.Prompt;
import nighttrain.pipeline.settings.ChatTemplateOptions;

/** Encodes prompts as token ids. */
final class PromptEncoder {
    private final HostedModel model;
    private final Optional<String> system;
    private final ChatTemplateOptions chat;
    private final Truncation truncation;
    private final int contextTokens;
    /** The last prompt and its tokens: requests of a row mostly have the same. */
    private Prompt last;

    private int[] lastTokens;

    PromptEncoder(HostedModel model, TaskSpec spec) {
        this.model = model;
        this.system = Optional.ofNullable(spec.system());
        this.chat = spec.chat();
        this.truncation = spec.truncate();
        this.contextTokens = model.engine().plan().maxModelLen();
    }

    /** At least one token, and few enough for the model; {@code outputTokens}: most that may follow. */
    int[] encode(Prompt prompt, int outputTokens) throws RowFault {
        int[] tokens = tokensOf(prompt);
        if (tokens.length == 0) {
            throw empty();
        }
        if (tokens.length >= contextTokens) {
            return cut(tokens, outputTokens);
        }
        return tokens;
    }

    private int[] tokensOf(Prompt prompt) throws RowFault {
        if (prompt != last) {
            lastTokens = tokens(prompt);
            last = prompt;
        }
        return lastTokens;
    }

    private int[] tokens(Prompt prompt) throws RowFault {
        if (prompt instanceof Prompt.Chat chat) {
            return chat(chat.messages(), chat.arguments());
        }
        String text = ((Prompt.Text) prompt).text();
        if (text.isEmpty()) {
            throw empty();
        }
        return system.isPresent()
                ? chat(List.of(ChatMessage.of("user", text)), Map.of())
                : model.tokenizer().encode(text, true);
    }

    private int[] chat(List<ChatMessage> turns, Map<String, Object> arguments) throws RowFault {
        if (turns.isEmpty()) {
            throw empty();
        }
        List<ChatMessage> messages = new ArrayList<>(turns);
        system.ifPresent(text -> messages.add(0, ChatMessage.of("system", text)));
        try {
            return model.tokenizer().encode(model.chatTemplate(chat).render(messages, true, arguments), false);
        } catch (ChatTemplateException refused) {
            throw new RowFault("chat_template", refused.getMessage());
        }
    }

    private int[] cut(int[] tokens, int outputTokens) throws RowFault {
        if (truncation == Truncation.NONE) {
            throw new RowFault(
                    "prompt_too_long",
                    "prompt too long: " + tokens.length + " tokens (at most " + (contextTokens - 1)
                            + " in a context of " + contextTokens
                            + "; use --truncate left or right, or raise --max-model-len if the model allows it)");
        }
        // Room for the requested output, but at most half of the context.
        int room = Math.max(1, Math.min(outputTokens, contextTokens / 2));
        return truncation.apply(tokens, Math.max(1, contextTokens - room));
    }

    private static RowFault empty() {
        return new RowFault("empty_prompt", "prompt is empty: 0 tokens (at least 1; fill it or leave the row out)");
    }
}
