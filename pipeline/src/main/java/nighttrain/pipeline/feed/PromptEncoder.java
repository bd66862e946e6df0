package nighttrain.pipeline.feed;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import nighttrain.io.template.ChatMessage;
import nighttrain.io.template.ChatTemplateException;
import nighttrain.io.text.Truncation;
import nighttrain.pipeline.engine.HostedModel;
import nighttrain.pipeline.settings.ChatTemplateOptions;

/** Prompts to token ids. */
final class PromptEncoder {
    private final HostedModel model;
    private final Optional<String> system;
    private final ChatTemplateOptions chat;
    private final Truncation truncation;
    private final int contextTokens;
    private final int outputTokens;

    PromptEncoder(HostedModel model, FeedSpec spec) {
        this.model = model;
        this.system = Optional.ofNullable(spec.system());
        this.chat = spec.chat();
        this.truncation = spec.truncate();
        this.contextTokens = model.engine().plan().maxModelLen();
        this.outputTokens = spec.sampling().maxTokens();
    }

    /** At least one token, and few enough for the model. */
    int[] encode(PromptRow row) throws RowFault {
        int[] tokens = tokens(row);
        if (tokens.length == 0) {
            throw empty();
        }
        if (tokens.length >= contextTokens) {
            return cut(tokens);
        }
        return tokens;
    }

    private int[] tokens(PromptRow row) throws RowFault {
        if (row.messages() != null) {
            return chat(Conversation.parse(row.messages()));
        }
        if (row.prompt() == null) {
            throw new RowFault(
                    "null_prompt",
                    "prompt is null: row " + row.id() + " (text is needed; fill it or leave the row out)");
        }
        if (row.prompt().isEmpty()) {
            throw empty();
        }
        return system.isPresent()
                ? chat(List.of(ChatMessage.of("user", row.prompt())))
                : model.tokenizer().encode(row.prompt(), true);
    }

    private int[] chat(List<ChatMessage> turns) throws RowFault {
        if (turns.isEmpty()) {
            throw empty();
        }
        List<ChatMessage> messages = new ArrayList<>(turns);
        system.ifPresent(text -> messages.add(0, ChatMessage.of("system", text)));
        try {
            return model.tokenizer().encode(model.chatTemplate(chat).render(messages, true), false);
        } catch (ChatTemplateException refused) {
            throw new RowFault("chat_template", refused.getMessage());
        }
    }

    private int[] cut(int[] tokens) throws RowFault {
        if (truncation == Truncation.NONE) {
            throw new RowFault(
                    "prompt_too_long",
                    "prompt too long: " + tokens.length + " tokens (at most " + (contextTokens - 1)
                            + " in a context of " + contextTokens
                            + "; use --truncate left or right, or raise --max-model-len if the model allows it)");
        }
        // Room for the output that was asked for, but never more than half of the context.
        int room = Math.max(1, Math.min(outputTokens, contextTokens / 2));
        return truncation.apply(tokens, Math.max(1, contextTokens - room));
    }

    private static RowFault empty() {
        return new RowFault("empty_prompt", "prompt is empty: 0 tokens (at least 1; fill it or leave the row out)");
    }
}
