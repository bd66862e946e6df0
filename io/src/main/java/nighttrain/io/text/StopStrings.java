package nighttrain.io.text;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * Watches one generation for stop strings, which may span tokens. A stop string may contain special tokens ({@code <|im_end|>}), which decoded text
 * omits: it is searched for in the text with special tokens in their places. Used by one thread at a time.
 */
public final class StopStrings {
    private final StreamingDecoder decoder;
    private final Map<Integer, String> named = new TreeMap<>();
    private final Search plain;
    private final Search marked;
    private final List<Mark> marks = new ArrayList<>();
    private boolean found;
    private boolean ended;
    private int end = -1;

    /** A special token in the marked text, and the length of the text without special tokens before it. */
    private record Mark(int at, int end, int plainLength) {}

    /**
     * Stops at the first of {@code stops} in the text of {@code decoder}.
     *
     * @param specialTokens the tokens that the decoder leaves out, with their text
     * @throws IllegalArgumentException where a stop string is empty
     */
    public StopStrings(StreamingDecoder decoder, List<String> stops, Map<Integer, String> specialTokens) {
        if (stops.contains("")) {
            throw new IllegalArgumentException("stop string: \"\" (at least one character; leave it out)");
        }
        this.decoder = decoder;
        specialTokens.forEach((id, token) -> {
            if (!token.isEmpty() && stops.stream().anyMatch(stop -> stop.contains(token))) {
                named.put(id, token);
            }
        });
        this.plain = new Search(stops); // all stops: ordinary tokens may spell the name of a special token
        this.marked = new Search(stops.stream()
                .filter(stop -> named.values().stream().anyMatch(stop::contains))
                .toList());
    }

    /** Adds the next token; returns whether the text now contains a stop string. */
    public boolean push(int tokenId) {
        if (ended) {
            throw new IllegalStateException("the text has been asked for: no more tokens");
        }
        if (!found) {
            append(decoder.push(tokenId), named.getOrDefault(tokenId, ""));
        }
        return found;
    }

    /** Returns the whole text without special tokens, up to the stop string where one was found; no tokens may be added after this. */
    public String text() {
        if (!ended && !found) {
            append(decoder.flush(), "");
        }
        ended = true;
        return plain.text.toString();
    }

    /** Returns the end of the stop string in the text without special tokens, in characters from its start; -1 while none was found. */
    public int end() {
        return end;
    }

    private void append(String added, String special) {
        int inPlain = plain.append(added);
        int inMarked = -1;
        if (!named.isEmpty()) {
            int before = marked.text.length() + added.length();
            if (!special.isEmpty()) {
                marks.add(new Mark(before, before + special.length(), plain.text.length()));
            }
            inMarked = marked.append(added + special);
        }
        if (inPlain >= 0 || inMarked >= 0) {
            found = true;
            int plainOfMarked = inMarked < 0 ? Integer.MAX_VALUE : plainPosition(inMarked);
            boolean isPlain = inPlain >= 0 && inPlain <= plainOfMarked;
            end = isPlain ? plain.end : plainPosition(marked.end);
            plain.text.setLength(isPlain ? inPlain : plainOfMarked);
        }
    }

    /** Returns the position in the plain text that corresponds to a position in the marked text. */
    private int plainPosition(int position) {
        int plainPosition = position;
        for (Mark mark : marks) {
            if (mark.at() <= position) {
                plainPosition = mark.plainLength() + Math.max(0, position - mark.end());
            }
        }
        return plainPosition;
    }

    private static final class Search {
        private final StringBuilder text = new StringBuilder();
        private final List<String> stops;
        private final int longest;
        private int end;

        Search(List<String> stops) {
            this.stops = List.copyOf(stops);
            this.longest = stops.stream().mapToInt(String::length).max().orElse(0);
        }

        /** Returns the beginning of the first stop string; -1 while there is none. */
        int append(String added) {
            // A new stop string ends in the added text, so it begins at most its length before that.
            int from = Math.max(0, text.length() - longest + 1);
            text.append(added);
            int first = -1;
            for (String stop : stops) {
                int at = text.indexOf(stop, from);
                if (at >= 0 && (first < 0 || at < first)) {
                    first = at;
                    end = at + stop.length();
                }
            }
            return first;
        }
    }
}
