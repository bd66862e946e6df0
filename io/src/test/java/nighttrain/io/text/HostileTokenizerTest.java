package nighttrain.io.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import nighttrain.io.UserError;
import nighttrain.io.template.ChatTemplate;
import nighttrain.io.template.ChatTemplate.ChatMessage;
import org.assertj.core.api.AbstractThrowableAssert;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A tokenizer comes with a model of any origin. It may be refused, but it cannot hang, fill memory or read other files. */
@Timeout(60)
class HostileTokenizerTest {
    private static final ObjectMapper JSON = new ObjectMapper();

    @TempDir
    Path dir;

    private Path file;
    private ObjectNode tokenizer;

    @BeforeEach
    void aGoodOne() throws IOException {
        TestTokenizers.byteLevel(dir);
        file = dir.resolve("tokenizer.json");
        tokenizer = (ObjectNode) JSON.readTree(file.toFile());
    }

    private Tokenizer open() throws IOException {
        Files.writeString(file, JSON.writeValueAsString(tokenizer));
        return Tokenizer.open(dir);
    }

    private AbstractThrowableAssert<?, ?> assertRefused() {
        return assertThatThrownBy(() -> open().close()).isInstanceOf(UserError.class);
    }

    private ObjectNode split(String regex) {
        ObjectNode split = JSON.createObjectNode()
                .put("type", "Split")
                .put("behavior", "Isolated")
                .put("invert", false);
        split.putObject("pattern").put("Regex", regex);
        return split;
    }

    @Test
    void nestingWithoutEnd() throws IOException {
        Files.writeString(file, "{\"model\":" + "[".repeat(200_000) + "]".repeat(200_000) + "}");
        assertThatThrownBy(() -> Tokenizer.open(dir))
                .isInstanceOf(UserError.class)
                .hasMessageStartingWith("not valid JSON: " + file + " (Document nesting depth");
    }

    @Test
    void aFileOfGigabytes() throws IOException {
        try (RandomAccessFile sparse = new RandomAccessFile(file.toFile(), "rw")) {
            sparse.setLength(3L << 30);
        }
        assertThatThrownBy(() -> Tokenizer.open(dir))
                .isInstanceOf(UserError.class)
                .hasMessage("file too long: %s (3221225472 bytes, at most 268435456; copy the file again)", file);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {"(a+)+$", "(x+x+)+y", "^(([a-z])+.)+[A-Z]([a-z])+$", "(?:[)]a{2,})*", "((a*)b)+", "(?:(\\()+c)+"
            })
    void regexesThatRepeatRepetitions(String regex) {
        tokenizer.set("pre_tokenizer", split(regex));
        assertRefused()
                .hasMessage(
                        "regular expression that may take for ever in %s: %s (no repetition of what repeats, as in"
                                + " (a+)+; choose another model)",
                        file, regex);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                // GPT-2, GPT-4 and Qwen, GPT-4o and Llama 4, BLOOM
                "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+",
                "(?i:'s|'t|'re)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
                "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}]*[\\p{Ll}\\p{Lm}]+(?i:'s|'t|'re)?|\\p{N}{1,3}|\\s+",
                " ?[^(\\s|[.,!?\u2026\u3002])]+",
                "(?:ab)+|(?:a|b)*c"
            })
    void regexesOfRealModels(String regex) throws IOException {
        tokenizer.set("pre_tokenizer", split(regex));
        try (Tokenizer opened = open()) {
            String text = "It's12new(here).";
            assertThat(opened.encode(text, false)).hasSize(text.length());
        }
    }

    @Test
    void regexesThatAreNone() throws IOException {
        tokenizer.set("pre_tokenizer", split("("));
        assertRefused().hasMessageStartingWith("broken tokenizer: " + file);
        tokenizer.set("pre_tokenizer", split("(".repeat(100_000) + ")".repeat(100_000)));
        assertRefused()
                .hasMessage(
                        "regular expression too long in %s: 200000 characters, 100000 brackets (at most 4096 and 256;"
                                + " choose another model)",
                        file);
    }

    @Test
    void textsThatGrow() throws IOException {
        ArrayNode steps = JSON.createArrayNode();
        for (int i = 0; i < 20; i++) {
            ObjectNode replace = steps.addObject().put("type", "Replace").put("content", "aaaa");
            replace.putObject("pattern").put("String", "a");
        }
        tokenizer.putObject("normalizer").put("type", "Sequence").set("normalizers", steps);
        assertRefused()
                .hasMessage(
                        "tokenizer that makes texts grow: %s (normalizer, more than 256 fold; choose another model)",
                        file);
    }

    @ParameterizedTest
    @ValueSource(strings = {"-1", "2147483647", "4294967295", "1e30", "\"7\""})
    void idsThatAreNone(String id) throws IOException {
        ObjectNode token = (ObjectNode) tokenizer.withArray("added_tokens").get(0);
        token.set("id", JSON.readTree(id));
        assertRefused();
    }

    @Test
    void linksOutOfTheModel() throws IOException {
        Path secret = Files.writeString(Files.createTempDirectory(dir, "other").resolve("credentials"), "key = 49");
        Path model = Files.createDirectory(dir.resolve("model"));
        Path link = Files.createSymbolicLink(model.resolve("chat_template.jinja"), secret);
        assertThatThrownBy(() -> ChatTemplate.open(model))
                .isInstanceOf(UserError.class)
                .hasMessage(
                        "chat template outside of the model directory: %s (a link to %s; copy the file there if you"
                                + " trust it)",
                        link, secret.toRealPath());
    }

    @Test
    void linksWithinADownloadCache() throws IOException {
        Path blobs = Files.createDirectories(dir.resolve("models--x/blobs"));
        Path model = Files.createDirectories(dir.resolve("models--x/snapshots/1234"));
        Files.writeString(blobs.resolve("abcd"), "{{ messages[0].content }}");
        Files.createSymbolicLink(model.resolve("chat_template.jinja"), Path.of("../../blobs/abcd"));
        assertThat(ChatTemplate.open(model).render(java.util.List.of(ChatMessage.of("user", "hi")), true))
                .isEqualTo("hi");
    }
}
