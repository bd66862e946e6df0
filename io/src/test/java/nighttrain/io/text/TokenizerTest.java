package nighttrain.io.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import nighttrain.io.UserError;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TokenizerTest {
    @TempDir
    Path dir;

    private static int[] utf8(String text) {
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        return IntStream.range(0, bytes.length).map(i -> bytes[i] & 0xff).toArray();
    }

    @Test
    void textGoesThereAndBack() {
        String text = "naïve 日本 🦙 e\u0301\n\u0000 end";
        try (Tokenizer tokenizer = Tokenizer.open(TestTokenizers.byteLevel(dir))) {
            int[] ids = tokenizer.encode(text, false);
            assertThat(ids).isEqualTo(utf8(text));
            assertThat(tokenizer.decode(ids)).isEqualTo(text);
            assertThat(tokenizer.encode("", false)).isEmpty();
            assertThat(tokenizer.decode(new int[0])).isEmpty();
        }
    }

    @Test
    void specialTokens() {
        try (Tokenizer tokenizer = Tokenizer.open(TestTokenizers.byteLevel(dir, "abc"))) {
            assertThat(tokenizer.encode("abc", true)).containsExactly(256, 259);
            assertThat(tokenizer.encode("abc", false)).containsExactly(259);
            assertThat(tokenizer.encode("a<|end|>b", false)).containsExactly('a', 257, 'b');
            assertThat(tokenizer.decode(new int[] {256, 'a', 257, 'b'})).isEqualTo("ab");
            assertThat(tokenizer.vocabSize()).isEqualTo(260);
        }
    }

    @Test
    void fallbackToBytes() {
        try (Tokenizer tokenizer = Tokenizer.open(TestTokenizers.byteFallback(dir, "▁", "a", "b"))) {
            int[] ids = tokenizer.encode("ab 🦙", false);
            assertThat(ids).containsExactly(259, 260, 261, 259, 3 + 0xf0, 3 + 0x9f, 3 + 0xa6, 3 + 0x99);
            assertThat(tokenizer.decode(ids)).isEqualTo("ab 🦙");
            assertThat(tokenizer.vocabSize()).isEqualTo(262);
        }
    }

    @Test
    void aTokenHasTheTextThatItHasWithinATextAndASpecialTokenItsName() {
        try (Tokenizer tokenizer = Tokenizer.open(TestTokenizers.byteFallback(dir, "▁", "a", "▁a"))) {
            assertThat(List.of(259, 260, 261, 3 + 'a', 3 + 0xf0, 2))
                    .extracting(tokenizer::text)
                    .containsExactly(" ", "a", " a", "a", "\uFFFD", "</s>");
        }
        try (Tokenizer tokenizer = Tokenizer.open(TestTokenizers.byteLevel(dir, "\u0080\u00e9", " a"))) {
            assertThat(List.of((int) 'a', 0xf0, 257, 258, tokenizer.vocabSize() - 1, 1 << 20))
                    .extracting(tokenizer::text)
                    .containsExactly("a", "\uFFFD", "<|end|>", "\u0080", " a", "");
        }
    }

    @Test
    void halvesOfPairsDoNotGarbleTheRest() {
        try (Tokenizer tokenizer = Tokenizer.open(TestTokenizers.byteLevel(dir))) {
            assertThat(tokenizer.decode(tokenizer.encode("🦙\uD83E🦙\uDD99", false)))
                    .isEqualTo("🦙\uFFFD🦙\uFFFD");
        }
    }

    @Test
    void aMegabyte() {
        String text = "All work and no play. 🦙 ".repeat(40_000);
        try (Tokenizer tokenizer = Tokenizer.open(TestTokenizers.byteLevel(dir, " work", " play"))) {
            assertThat(tokenizer.decode(tokenizer.encode(text, false)).equals(text))
                    .isTrue();
        }
    }

    @Test
    void endTokensOfAllFilesTogether() throws IOException {
        TestTokenizers.byteLevel(dir);
        Files.writeString(dir.resolve("generation_config.json"), "{\"eos_token_id\": [5, 6]}");
        Files.writeString(
                dir.resolve("config.json"), "{\"eos_token_id\": 7, \"text_config\": {\"eos_token_id\": [8, 5]}}");
        Files.writeString(dir.resolve("tokenizer_config.json"), "{\"eos_token\": {\"content\": \"<|end|>\"}}");
        try (Tokenizer tokenizer = Tokenizer.open(dir)) {
            assertThat(tokenizer.endTokens()).containsExactlyInAnyOrder(5, 6, 7, 8, 257);
        }
        Files.writeString(dir.resolve("generation_config.json"), "{\"eos_token_id\": null}");
        Files.writeString(dir.resolve("config.json"), "{}");
        Files.writeString(dir.resolve("tokenizer_config.json"), "{\"eos_token\": \"A\"}");
        try (Tokenizer tokenizer = Tokenizer.open(dir)) {
            assertThat(tokenizer.endTokens()).as("a token that was not added").containsExactly((int) 'A');
        }
    }

    @Test
    void threadsShareIt() throws Exception {
        ExecutorService threads = Executors.newFixedThreadPool(4);
        try (Tokenizer tokenizer = Tokenizer.open(TestTokenizers.byteLevel(dir, "number"))) {
            List<Future<String>> texts = IntStream.range(0, 400)
                    .mapToObj(i -> threads.submit(() -> tokenizer.decode(tokenizer.encode("number " + i, false))))
                    .toList();
            for (int i = 0; i < texts.size(); i++) {
                assertThat(texts.get(i).get(30, TimeUnit.SECONDS)).isEqualTo("number " + i);
            }
        } finally {
            threads.shutdownNow();
        }
    }

    @Test
    void closed() {
        Tokenizer tokenizer = Tokenizer.open(TestTokenizers.byteLevel(dir));
        tokenizer.close();
        tokenizer.close();
        assertThatThrownBy(() -> tokenizer.encode("a", false))
                .isInstanceOf(IllegalStateException.class)
                .hasMessage("tokenizer is closed");
    }

    @Test
    void missing() {
        assertThatThrownBy(() -> Tokenizer.open(dir))
                .isInstanceOf(UserError.class)
                .hasMessage(
                        "no tokenizer.json in the model directory: %s (needed beside the weights; copy it from where"
                                + " the model came from)",
                        dir);
    }

    @Test
    void broken() throws IOException {
        Path file = Files.writeString(dir.resolve("tokenizer.json"), "");
        assertThatThrownBy(() -> Tokenizer.open(dir))
                .isInstanceOf(UserError.class)
                .hasMessage("empty file: %s (a tokenizer is expected; copy the file again)", file);
        Files.writeString(file, "{\"model\": ");
        assertThatThrownBy(() -> Tokenizer.open(dir))
                .isInstanceOf(UserError.class)
                .hasMessageStartingWith("not valid JSON: " + file + " (Unexpected end-of-input")
                .hasMessageEndingWith("; copy the file again)");
        Files.writeString(file, "{\"model\": {\"type\": \"Marvel\", \"vocab\": {}}}");
        assertThatThrownBy(() -> Tokenizer.open(dir))
                .isInstanceOf(UserError.class)
                .hasMessageStartingWith("broken tokenizer: " + file + " (")
                .hasMessageEndingWith("; copy the file again)")
                .hasMessageNotContaining("\n");
        Files.writeString(file, "[]");
        assertThatThrownBy(() -> Tokenizer.open(dir)).isInstanceOf(UserError.class);
    }
}
