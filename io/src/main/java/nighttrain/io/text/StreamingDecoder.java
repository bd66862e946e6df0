package nighttrain.io.text;

import java.util.Arrays;

/**
 * Decodes one generation token by token, without ever splitting a character. Used by one thread at a time.
 *
 * <p>It decodes a sliding window of the latest tokens and returns what a token added to its text. Tokens cannot be decoded one by one: characters
 * span tokens, and a token's text may depend on those before it. A trailing U+FFFD is held back, since it may be the beginning of a character.
 *
 * <p>Earlier tokens leave the window at a boundary between characters, so that each token costs one decoding of a bounded
 * number of tokens, however long the text.
 */
public final class StreamingDecoder {
    /** Returns the text of the tokens {@code ids[from .. to]}. */
    @FunctionalInterface
    interface Decode {
        String text(int[] ids, int from, int to);
    }

    /** Number of tokens after the boundary that are kept as context when the window is cut there. */
    private static final int CONTEXT_TOKENS = 4;

    /** A window of this length is cut anywhere, for text whose tokens never end where a character ends. */
    private static final int MAX_TOKENS = 64;

    /** A character has at most 4 bytes and a token adds at least one: after twice that number of tokens the bytes are no character. */
    private static final int MAX_STALLED_TOKENS = 8;

    private static final String INCOMPLETE = "\uFFFD";

    private final Decode decode;
    private int[] window = new int[MAX_TOKENS];
    private int size;
    private int handedOut;
    private int boundary;
    private int stalledTokens;

    StreamingDecoder(Decode decode) {
        this.decode = decode;
    }

    /** Returns the text that this token completes; empty while a character is incomplete. */
    public String push(int tokenId) {
        window[size++] = tokenId;
        String text = decode.text(window, 0, size);
        int end = completeEnd(text);
        if (end <= handedOut && end < text.length()) {
            stalledTokens++;
        } else {
            stalledTokens = 0;
        }
        if (stalledTokens >= MAX_STALLED_TOKENS) {
            // The last U+FFFD may begin a character all the same, unless it leaves the window now.
            boolean stays = size < MAX_TOKENS
                    || decode.text(window, size - MAX_STALLED_TOKENS, size).endsWith(INCOMPLETE);
            end = stays ? text.length() - 1 : text.length();
        }
        String added = handOut(text, end);
        shorten(text);
        return added;
    }

    private String handOut(String text, int end) {
        if (end <= handedOut) {
            return "";
        }
        String added = text.substring(handedOut, end);
        handedOut = end;
        return added;
    }

    /** Returns the length without the incomplete characters at the end. */
    private static int completeEnd(String text) {
        int end = text.length();
        while (end > 0 && text.startsWith(INCOMPLETE, end - 1)) {
            end--;
        }
        return end;
    }

    private void shorten(String text) {
        int pending = Math.max(0, text.length() - handedOut);
        if (pending == 0 && boundary > 0 && size >= boundary + CONTEXT_TOKENS) {
            keepFrom(boundary, pending);
        } else if (pending == 0 && boundary == 0 && size >= CONTEXT_TOKENS) {
            boundary = size;
        }
        if (size == MAX_TOKENS) {
            keepFrom(size - MAX_STALLED_TOKENS, pending);
        }
    }

    /** Drops the tokens before {@code first}; {@code pending} characters at the end have not been returned yet. */
    private void keepFrom(int first, int pending) {
        String rest = decode.text(window, first, size);
        if (rest.isEmpty() && size < MAX_TOKENS) {
            // Only special tokens remain: the next would be decoded as the first of a text, and lose its leading space.
            return;
        }
        window = Arrays.copyOf(Arrays.copyOfRange(window, first, size), MAX_TOKENS);
        size -= first;
        handedOut = Math.max(0, rest.length() - pending);
        boundary = 0;
    }

    /** Returns the rest of the text; an incomplete character becomes U+FFFD. */
    public String flush() {
        String text = decode.text(window, 0, size);
        String rest = handOut(text, text.length());
        size = 0;
        handedOut = 0;
        boundary = 0;
        stalledTokens = 0;
        return rest;
    }
}
