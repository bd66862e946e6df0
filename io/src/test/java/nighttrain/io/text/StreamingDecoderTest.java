package nighttrain.io.text;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class StreamingDecoderTest {
    private static final String TEXT = "Hi naïve 日本語 🦙👩‍👩‍👧 e\u0301 zur\u00fcck \uFFFD, end";

    @TempDir
    Path dir;

    /** Streams the tokens, checking that no piece splits a character, and compares with decoding them at once. */
    private static void assertStreams(Tokenizer tokenizer, int[] ids) {
        StreamingDecoder decoder = tokenizer.newDecoder();
        StringBuilder streamed = new StringBuilder();
        for (int id : ids) {
            String piece = decoder.push(id);
            assertThat(NativeTokenizer.wholeCharacters(piece)).isEqualTo(piece);
            streamed.append(piece);
        }
        streamed.append(decoder.flush());
        assertThat(streamed.toString()).isEqualTo(tokenizer.decode(ids));
    }

    @Test
    void bytesBecomeCharacters() {
        try (Tokenizer tokenizer = Tokenizer.open(TestTokenizers.byteLevel(dir))) {
            StreamingDecoder decoder = tokenizer.newDecoder();
            assertThat(decoder.push('a')).isEqualTo("a");
            assertThat(decoder.push(0xf0)).isEmpty();
            assertThat(decoder.push(0x9f)).isEmpty();
            assertThat(decoder.push(0xa6)).isEmpty();
            assertThat(decoder.push(0x99)).isEqualTo("🦙");
            assertThat(decoder.push(257)).as("special").isEmpty();
            assertThat(decoder.push('b')).isEqualTo("b");
            assertThat(decoder.push(0xe2)).isEmpty();
            assertThat(decoder.flush()).isEqualTo("\uFFFD");
            assertThat(decoder.flush()).isEmpty();
            assertStreams(tokenizer, tokenizer.encode(TEXT.repeat(5), false));
        }
    }

    /** Tokens have two bytes and characters three: two of three tokens end inside a character, and some begin in one. */
    @Test
    void tokensThatSpanCharacters() {
        String text = "日本語".repeat(100) + "日";
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        StringBuilder streamed = new StringBuilder();
        StreamingDecoder decoder = new StreamingDecoder((ids, from, to) -> {
            ByteArrayOutputStream window = new ByteArrayOutputStream();
            for (int i = from; i < to; i++) {
                window.write(bytes, 2 * ids[i] + 1, 2);
            }
            return window.toString(StandardCharsets.UTF_8);
        });
        String pieces = "";
        for (int id = 0; 2 * id + 2 < bytes.length; id++) {
            String piece = decoder.push(id);
            streamed.append(piece);
            pieces += piece.length();
        }
        streamed.append(decoder.flush());
        // The first byte is left out, so its character is damaged.
        assertThat(streamed.toString().replaceFirst("^\uFFFD+", "")).isEqualTo(text.substring(1));
        assertThat(pieces.substring(2))
                .as("characters come as soon as they are whole")
                .doesNotContain("00");
    }

    @Test
    void fallbackBytesBecomeCharacters() {
        try (Tokenizer tokenizer = Tokenizer.open(TestTokenizers.byteFallback(dir, "▁", "H", "i", "n", "▁e"))) {
            assertStreams(tokenizer, tokenizer.encode(TEXT, false));
            assertStreams(tokenizer, tokenizer.encode("🦙🦙🦙🦙🦙🦙🦙🦙 ".repeat(20), false));
            assertStreams(tokenizer, tokenizer.encode("   i   n   ", false));
            StreamingDecoder decoder = tokenizer.newDecoder();
            assertThat(decoder.push(260)).isEqualTo("H");
            assertThat(decoder.push(263)).as("a space within is kept").isEqualTo(" e");
        }
    }

    @Test
    void anyTokensOfWholeCharactersStreamAsTheyDecode() {
        Random random = new Random(11);
        try (Tokenizer tokenizer = Tokenizer.open(TestTokenizers.byteLevel(dir, "日本", " 🦙", "abc", "ü"))) {
            for (int round = 0; round < 200; round++) {
                StringBuilder text = new StringBuilder();
                for (int i = random.nextInt(120); i >= 0; i--) {
                    text.appendCodePoint(randomCharacter(random));
                }
                assertStreams(tokenizer, tokenizer.encode(text.toString(), false));
            }
        }
    }

    private static int randomCharacter(Random random) {
        int[] limits = {0x80, 0x800, 0xd800, 0x110000};
        int codePoint = random.nextInt(limits[random.nextInt(limits.length)]);
        return Character.isValidCodePoint(codePoint) && (codePoint < 0xd800 || codePoint > 0xdfff) ? codePoint : '-';
    }

    @Test
    void bytesThatAreNoTextStillComeOut() {
        try (Tokenizer tokenizer = Tokenizer.open(TestTokenizers.byteLevel(dir))) {
            StreamingDecoder decoder = tokenizer.newDecoder();
            StringBuilder streamed = new StringBuilder();
            for (int i = 0; i < 100; i++) {
                streamed.append(decoder.push(0xff));
            }
            assertThat(streamed).as("before the end").hasSizeGreaterThan(80);
            streamed.append(decoder.push('a')).append(decoder.flush());
            assertThat(streamed.toString()).isEqualTo("\uFFFD".repeat(100) + "a");
        }
    }

    /** A character that begins after many bytes that are none comes out whole, however many these are. */
    @Test
    void anyBytesStreamAsTheyDecode() {
        Random random = new Random(12);
        try (Tokenizer tokenizer = Tokenizer.open(TestTokenizers.byteLevel(dir))) {
            StreamingDecoder decoder = tokenizer.newDecoder();
            StringBuilder streamed = new StringBuilder();
            for (int id : new int[] {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xf0, 0x9f, 0xa6, 0x99}) {
                streamed.append(decoder.push(id));
            }
            assertThat(streamed.toString()).isEqualTo("\uFFFD".repeat(7) + "🦙");
            for (int round = 0; round < 500; round++) {
                // Bytes that only continue or begin characters, and special tokens.
                assertStreams(
                        tokenizer,
                        random.ints(random.nextInt(150), 0x80, 0x102)
                                .map(id -> id < 0x100 || random.nextInt(9) == 0 ? id : 0xf0)
                                .toArray());
            }
        }
    }

    @Test
    void everyTokenCostsTheSameHoweverLongTheText() {
        int[] tokensDecoded = {0};
        StreamingDecoder decoder = new StreamingDecoder((ids, from, to) -> {
            tokensDecoded[0] += to - from;
            StringBuilder text = new StringBuilder();
            for (int i = from; i < to; i++) {
                text.append((char) ids[i]);
            }
            return text.toString();
        });
        int most = 0;
        for (int i = 0; i < 10_000; i++) {
            tokensDecoded[0] = 0;
            // Long runs of apparently incomplete characters among letters.
            assertThat(decoder.push(i % 1000 < 300 ? '\uFFFD' : 'x')).hasSizeLessThan(20);
            most = Math.max(most, tokensDecoded[0]);
        }
        assertThat(most).isLessThan(100);
    }
}
