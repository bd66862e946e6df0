package nighttrain.io.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class StopStringsTest {
    @TempDir
    Path dir;

    /** Pushes until stopped; the number of tokens taken. */
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
            StopStrings stops = new StopStrings(tokenizer.newDecoder(), List.of("cX", "🦙!"));
            assertThat(pushAll(stops, tokenizer.encode("aabcXY", false))).isEqualTo(3);
            assertThat(stops.text()).isEqualTo("aab");
            StopStrings emoji = new StopStrings(tokenizer.newDecoder(), List.of("cX", "🦙!"));
            assertThat(pushAll(emoji, tokenizer.encode("ab🦙!rest", false))).isEqualTo(6);
            assertThat(emoji.text()).isEqualTo("ab");
        }
    }

    @Test
    void theFirstOneCounts() {
        try (Tokenizer tokenizer = Tokenizer.open(TestTokenizers.byteLevel(dir, "abcdef"))) {
            StopStrings stops = new StopStrings(tokenizer.newDecoder(), List.of("e", "cd"));
            assertThat(pushAll(stops, tokenizer.encode("abcdef", false))).isEqualTo(1);
            assertThat(stops.push('z')).as("stays stopped").isTrue();
            assertThat(stops.text()).isEqualTo("ab");
        }
    }

    @Test
    void withoutAnyAllIsText() {
        try (Tokenizer tokenizer = Tokenizer.open(TestTokenizers.byteLevel(dir))) {
            StopStrings stops = new StopStrings(tokenizer.newDecoder(), List.of());
            assertThat(pushAll(stops, 'a', 'b', 0xe2)).isEqualTo(-1);
            assertThat(stops.text()).isEqualTo("ab\uFFFD");
            assertThat(stops.text()).as("asked again").isEqualTo("ab\uFFFD");
            assertThatThrownBy(() -> stops.push('c')).isInstanceOf(IllegalStateException.class);
        }
    }

    @Test
    void foundInWhatWasHeldBack() {
        try (Tokenizer tokenizer = Tokenizer.open(TestTokenizers.byteLevel(dir))) {
            StopStrings stops = new StopStrings(tokenizer.newDecoder(), List.of("b\uFFFD"));
            assertThat(pushAll(stops, 'a', 'b', 0xe2)).isEqualTo(-1);
            assertThat(stops.text()).isEqualTo("a");
        }
    }

    @Test
    void anEmptyStopStringIsRefused() {
        assertThatThrownBy(() -> new StopStrings(null, List.of("")))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("stop string: \"\" (at least one character; leave it out)");
    }
}
