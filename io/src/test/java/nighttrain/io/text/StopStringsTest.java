package nighttrain.io.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class StopStringsTest {
    @TempDir
    Path dir;

    /** Pushes tokens until stopped and returns the number of tokens taken, or -1 if none stops. */
    private static int pushAll(StopStrings stops, int... ids) {
        for (int i = 0; i < ids.length; i++) {
            if (stops.push(ids[i])) {
                return i + 1;
            }
        }
        return -1;
    }

    @Test
    void aStopStringMaySpanTokens() {
        try (Tokenizer tokenizer = Tokenizer.open(TestTokenizers.byteLevel(dir, "abc", "END"))) {
            StopStrings stops = tokenizer.newStopStrings(List.of("cX", "🦙!"));
            assertThat(pushAll(stops, tokenizer.encode("aabcXY", false))).isEqualTo(3);
            assertThat(stops.text()).isEqualTo("aab");
            assertThat(stops.end()).as("after it").isEqualTo("aabcX".length());
            StopStrings emoji = tokenizer.newStopStrings(List.of("cX", "🦙!"));
            assertThat(pushAll(emoji, tokenizer.encode("ab🦙!rest", false))).isEqualTo(6);
            assertThat(emoji.text()).isEqualTo("ab");
        }
    }

    @Test
    void theFirstOneCounts() {
        try (Tokenizer tokenizer = Tokenizer.open(TestTokenizers.byteLevel(dir, "abcdef"))) {
            StopStrings stops = tokenizer.newStopStrings(List.of("e", "cd"));
            assertThat(pushAll(stops, tokenizer.encode("abcdef", false))).isEqualTo(1);
            assertThat(stops.push('z')).as("stays stopped").isTrue();
            assertThat(stops.text()).isEqualTo("ab");
        }
    }

    @Test
    void withoutAnyAllIsText() {
        try (Tokenizer tokenizer = Tokenizer.open(TestTokenizers.byteLevel(dir))) {
            StopStrings stops = tokenizer.newStopStrings(List.of());
            assertThat(pushAll(stops, 'a', 'b', 0xe2)).isEqualTo(-1);
            assertThat(stops.text()).isEqualTo("ab\uFFFD");
            assertThat(stops.text()).as("asked again").isEqualTo("ab\uFFFD");
            assertThatThrownBy(() -> stops.push('c')).isInstanceOf(IllegalStateException.class);
        }
    }

    @Test
    void foundInWhatWasHeldBack() {
        try (Tokenizer tokenizer = Tokenizer.open(TestTokenizers.byteLevel(dir))) {
            StopStrings stops = tokenizer.newStopStrings(List.of("b\uFFFD"));
            assertThat(pushAll(stops, 'a', 'b', 0xe2)).isEqualTo(-1);
            assertThat(stops.text()).isEqualTo("a");
        }
    }

    @Test
    void anEmptyStopStringIsRefused() {
        assertThatThrownBy(() -> new StopStrings(null, List.of(""), Map.of()))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("stop string: \"\" (at least one character; leave it out)");
    }

    /** A special token leaves no text, but a stop string that is or contains one finds it. */
    @Test
    void aStopStringMayBeASpecialToken() {
        try (Tokenizer tokenizer = Tokenizer.open(TestTokenizers.byteLevel(dir, "abc"))) {
            StopStrings exact = tokenizer.newStopStrings(List.of("<|end|>"));
            assertThat(pushAll(exact, 'N', 257, 'O', 'P')).isEqualTo(2);
            assertThat(exact.text()).isEqualTo("N");

            StopStrings atOnce = tokenizer.newStopStrings(List.of("zz", "<|end|>"));
            assertThat(pushAll(atOnce, 257)).isEqualTo(1);
            assertThat(atOnce.text()).isEmpty();

            StopStrings other = tokenizer.newStopStrings(List.of("<|end|>"));
            assertThat(pushAll(other, 'N', 256, 'O', 256)).isEqualTo(-1);
            assertThat(other.text()).isEqualTo("NO");

            StopStrings spelled = tokenizer.newStopStrings(List.of("<|end|>"));
            assertThat(pushAll(spelled, 'a', '<', '|', 'e', 'n', 'd', '|', '>', 'b'))
                    .isEqualTo(8);
            assertThat(spelled.text()).isEqualTo("a");
        }
    }

    @Test
    void aStopStringMayMixSpecialTokensAndText() {
        try (Tokenizer tokenizer = Tokenizer.open(TestTokenizers.byteLevel(dir, "abc"))) {
            StopStrings mixed = tokenizer.newStopStrings(List.of("b<|end|><|begin|>c", "xy"));
            assertThat(pushAll(mixed, 'a', 257, 'b', 256, 'b', 257, 256, 'c', 'd'))
                    .isEqualTo(8);
            assertThat(mixed.text()).isEqualTo("ab");

            StopStrings after = tokenizer.newStopStrings(List.of("<|end|>\n"));
            assertThat(pushAll(after, 'a', 257, 'b', 257, '\n', 'c')).isEqualTo(5);
            assertThat(after.text()).isEqualTo("ab");

            // Special tokens do not keep plain stop strings from being found.
            StopStrings plain = tokenizer.newStopStrings(List.of("<|end|>!", "ab"));
            assertThat(pushAll(plain, 'x', 'a', 257, 'b')).isEqualTo(4);
            assertThat(plain.text()).isEqualTo("x");
        }
    }

    /** A part of a special token's text is not found. */
    @Test
    void theTextOfASpecialTokenIsNotTakenApart() {
        try (Tokenizer tokenizer = Tokenizer.open(TestTokenizers.byteLevel(dir, "abc"))) {
            StopStrings part = tokenizer.newStopStrings(List.of("end|>"));
            assertThat(pushAll(part, 'N', 257, 'O')).isEqualTo(-1);
            assertThat(part.text()).isEqualTo("NO");
        }
    }
}
