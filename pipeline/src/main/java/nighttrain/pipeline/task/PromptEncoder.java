package nighttrain.pipeline.task;

import java.util.Optional;
import nighttrain.io.text.Truncation;
import nighttrain.pipeline.host.HostedModel;
import nighttrain.pipeline.row.PromptText;
import nighttrain.pipeline.row.RowFault;
import nighttrain.pipeline.row.RowRequest.Prompt;

/** Encodes prompts as token ids. */
final class PromptEncoder {
    private final PromptText text;
    private final Truncation truncation;
    private final int contextTokens;
    /** The last prompt, cached with its tokens: the requests of a row mostly share their prompt. */
    private Prompt last;

    private int[] lastTokens;

    PromptEncoder(HostedModel model, TaskSpec spec) {
        this.text = new PromptText(
                model.tokenizer(), () -> model.chatTemplate(spec.chat()), Optional.ofNullable(spec.system()));
        this.truncation = spec.truncate();
        this.contextTokens = model.engine().plan().maxModelLen();
    }

    /**
     * Returns the tokens of a prompt: at least one, and few enough for the model. {@code outputTokens}: limit of the tokens that follow.
     */
    int[] encode(Prompt prompt, int outputTokens) throws RowFault {
        // A cut prompt leaves room for the requested output, but at most half of the context.
        return fit(tokensOf(prompt), 1, Math.max(1, Math.min(outputTokens, contextTokens / 2)));
    }

    /** Returns the tokens of a prompt with room for {@code following} given tokens. */
    int[] encodeBefore(Prompt prompt, int following) throws RowFault {
        return fit(tokensOf(prompt), following, following);
    }

    private int[] tokensOf(Prompt prompt) throws RowFault {
        if (prompt != last) {
            lastTokens = text.encode(prompt);
            last = prompt;
        }
        return lastTokens;
    }

    /**
     * Cuts a prompt that does not fit. {@code least}: tokens that a prompt must leave room for; {@code room}: tokens that a cut prompt
     * leaves room for.
     */
    private int[] fit(int[] tokens, int least, int room) throws RowFault {
        if (tokens.length == 0) {
            throw empty();
        }
        if (tokens.length <= contextTokens - least) {
            return tokens;
        }
        if (truncation == Truncation.NONE) {
            throw new RowFault(
                    "prompt_too_long",
                    "prompt too long: " + tokens.length + " tokens (at most " + (contextTokens - least)
                            + " in a context of " + contextTokens
                            + "; use --truncate left or right, or raise --max-model-len if the model allows it)");
        }
        return truncation.apply(tokens, Math.max(1, contextTokens - room));
    }

    private static RowFault empty() {
        return new RowFault("empty_prompt", "prompt is empty: 0 tokens (at least 1; fill it or leave the row out)");
    }
}
