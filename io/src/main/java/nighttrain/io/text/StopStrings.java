package nighttrain.io.text;

import java.util.List;

/** Watches one generation for stop strings, also where one spans tokens. Used by one thread at a time. */
public final class StopStrings {
    /** Stops at the first of {@code stops} in the text of {@code decoder}. */
    public StopStrings(StreamingDecoder decoder, List<String> stops) {
        throw new UnsupportedOperationException("not yet");
    }

    /** Takes the next token; whether the text now contains a stop string. */
    public boolean push(int tokenId) {
        throw new UnsupportedOperationException("not yet");
    }

    /** All text so far, ending before the stop string where one was found. */
    public String text() {
        throw new UnsupportedOperationException("not yet");
    }
}
