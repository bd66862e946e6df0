package nighttrain.executor.request;

import java.util.Locale;

/** Why a generation ended. */
public enum FinishReason {
    /** A stop token or stop string. */
    STOP,
    /** {@code maxTokens} or the model's context was reached. */
    LENGTH,
    /** The request could not be answered; see {@link Generation#error}. */
    ERROR;

    /** As written in the results: {@code stop}, {@code length}, {@code error}. */
    public String label() {
        return name().toLowerCase(Locale.ROOT);
    }
}
