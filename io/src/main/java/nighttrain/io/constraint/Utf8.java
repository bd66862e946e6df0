package nighttrain.io.constraint;

import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Map;
import org.apache.lucene.util.automaton.Automaton;
import org.apache.lucene.util.automaton.Transition;

/**
 * Converts an automaton over characters into one over the bytes of UTF-8, exactly: Lucene's own conversion also accepts invalid UTF-8 (E0 80 80),
 * which is harmless in an index but garbles a text.
 */
final class Utf8 {
    private static final int[] LAST_OF_LENGTH = {0x7F, 0x7FF, 0xFFFF, CodePoints.LAST};

    private final Nfa bytes = new Nfa();

    /** States from which any continuation bytes lead on, by their target and the number of bytes. */
    private final Map<Long, Integer> continuations = new HashMap<>();

    private Utf8() {}

    static Automaton bytes(Automaton characters) {
        return characters.getNumStates() == 0 ? characters : new Utf8().converted(characters);
    }

    private Automaton converted(Automaton characters) {
        int states = characters.getNumStates();
        for (int s = 0; s < states; s++) {
            bytes.state();
        }
        int end = bytes.state();
        Transition t = new Transition();
        for (int s = 0; s < states; s++) {
            int count = characters.initTransition(s, t);
            for (int i = 0; i < count; i++) {
                characters.getNextTransition(t);
                for (CodePoints.Range range : CodePoints.of(t.min, t.max).ranges()) {
                    characters(s, range.first(), range.last(), t.dest);
                }
            }
            if (characters.isAccept(s)) {
                bytes.empty(s, end);
            }
        }
        return bytes.toAutomaton(0, end);
    }

    private void characters(int from, int first, int last, int to) {
        int low = first;
        for (int most : LAST_OF_LENGTH) {
            if (low <= last && low <= most) {
                sequences(from, encoded(low), encoded(Math.min(last, most)), 0, to);
                low = most + 1;
            }
        }
    }

    private static int[] encoded(int codePoint) {
        byte[] encoded = Character.toString(codePoint).getBytes(StandardCharsets.UTF_8);
        int[] values = new int[encoded.length];
        for (int i = 0; i < values.length; i++) {
            values[i] = encoded[i] & 0xff;
        }
        return values;
    }

    /** Adds the sequences of one length from {@code first} to {@code last}, whose bytes before {@code at} are already read. */
    private void sequences(int from, int[] first, int[] last, int at, int to) {
        int length = first.length;
        if (at == length - 1) {
            bytes.arc(from, first[at], last[at], to);
            return;
        }
        if (first[at] == last[at]) {
            int next = bytes.state();
            bytes.arc(from, first[at], first[at], next);
            sequences(next, first, last, at + 1, to);
            return;
        }
        int low = first[at];
        int high = last[at];
        if (!all(first, at + 1, 0x80)) {
            int next = bytes.state();
            bytes.arc(from, low, low, next);
            sequences(next, first, filled(first, at + 1, 0xBF), at + 1, to);
            low++;
        }
        if (!all(last, at + 1, 0xBF)) {
            int next = bytes.state();
            bytes.arc(from, high, high, next);
            sequences(next, filled(last, at + 1, 0x80), last, at + 1, to);
            high--;
        }
        if (low <= high) {
            bytes.arc(from, low, high, continuation(length - at - 1, to));
        }
    }

    private int continuation(int count, int to) {
        if (count == 0) {
            return to;
        }
        Integer known = continuations.get((long) to * 4 + count);
        if (known == null) {
            known = bytes.state();
            continuations.put((long) to * 4 + count, known);
            bytes.arc(known, 0x80, 0xBF, continuation(count - 1, to));
        }
        return known;
    }

    private static boolean all(int[] sequence, int from, int value) {
        for (int i = from; i < sequence.length; i++) {
            if (sequence[i] != value) {
                return false;
            }
        }
        return true;
    }

    private static int[] filled(int[] sequence, int from, int value) {
        int[] filled = sequence.clone();
        java.util.Arrays.fill(filled, from, filled.length, value);
        return filled;
    }
}
