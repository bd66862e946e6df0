package nighttrain.io.text;

import java.util.List;

/** Watches one generation for stop strings, also where one spans tokens. Used by one thread at a time. */
public final class StopStrings {
    private final StreamingDecoder decoder;
    private final List<String> stops;
    private final int longest;
    private final StringBuilder text = new StringBuilder();
    private boolean found;
    private boolean ended;

    /**
     * Stops at the first of {@code stops} in the text of {@code decoder}.
     *
     * @throws IllegalArgumentException where one of them is empty
     */
    public StopStrings(StreamingDecoder decoder, List<String> stops) {
        this.decoder = decoder;
        this.stops = List.copyOf(stops);
        this.longest = stops.stream().mapToInt(String::length).max().orElse(0);
        if (stops.contains("")) {
            throw new IllegalArgumentException("stop string: \"\" (at least one character; leave it out)");
        }
    }

    /** Takes the next token; whether the text now contains a stop string. */
    public boolean push(int tokenId) {
        if (ended) {
            throw new IllegalStateException("the text has been asked for: no more tokens");
        }
        if (!found) {
            append(decoder.push(tokenId));
        }
        return found;
    }

    /** The whole text, ending before the stop string where one was found; no more tokens after this. */
    public String text() {
        if (!ended && !found) {
            append(decoder.flush());
        }
        ended = true;
        return text.toString();
    }

    private void append(String added) {
        // A stop string not found before ends in what was added, so it begins at most its length before that.
        int from = Math.max(0, text.length() - longest + 1);
        text.append(added);
        int first = -1;
        for (String stop : stops) {
            int at = text.indexOf(stop, from);
            if (at >= 0 && (first < 0 || at < first)) {
                first = at;
            }
        }
        if (first >= 0) {
            found = true;
            text.setLength(first);
        }
    }
}
