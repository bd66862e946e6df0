package nighttrain.io.text;

/** Text of one generation, token by token, never splitting a character. Used by one thread at a time. */
public interface StreamingDecoder {
    /** The text that this token completes; empty while a character is incomplete. */
    String push(int tokenId);

    /** What is left at the end, an incomplete character as U+FFFD. */
    String flush();
}
