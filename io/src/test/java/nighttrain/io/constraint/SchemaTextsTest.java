package nighttrain.io.constraint;

import static org.assertj.core.api.Assertions.assertThat;

import com.networknt.schema.InputFormat;
import com.networknt.schema.Schema;
import com.networknt.schema.SchemaRegistry;
import com.networknt.schema.SpecificationVersion;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import java.util.Set;
import nighttrain.io.text.TestTokenizers;
import nighttrain.io.text.Tokenizer;
import nighttrain.io.text.Vocabulary;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Checks generated texts against their schema by a validator that shares no code with ours. */
class SchemaTextsTest {
    private static final int TEXTS = 10_000;

    private static final SchemaRegistry VALIDATORS =
            SchemaRegistry.withDefaultDialect(SpecificationVersion.DRAFT_2020_12);

    private static final String[] MERGED = {
        "{\"", "\":", "\",\"", "\"}", "},{", "[{\"", "]}", ":[", "true", "false", "null", "name", "value", "next", "12",
        "2024-", " the", "日本", "🦙", "\\u00", "\\n", "0.5", "e+1", "\":\"", "],\"", "kind", "cat", "\"a\":1"
    };

    @TempDir
    Path dir;

    static List<String> schemas() throws IOException {
        try (InputStream file = SchemaTextsTest.class.getResourceAsStream("/constraint/schemas.jsonl")) {
            return new String(file.readAllBytes(), StandardCharsets.UTF_8)
                    .lines()
                    .toList();
        }
    }

    @Test
    void textsSatisfyTheirSchema() throws IOException {
        try (Tokenizer tokenizer =
                Tokenizer.open(withEnd(TestTokenizers.byteLevel(dir.resolve("bytes"), MERGED), 257))) {
            assertTextsSatisfyTheirSchema(tokenizer, TEXTS / 2);
        }
        String[] pieces = {
            "▁", "{", "}", "\"", ":", ",", "{\"", "▁{\"", "\":", "a", "b", "1", "0", "true", "null", "▁the", "日", "[",
            "]"
        };
        try (Tokenizer tokenizer =
                Tokenizer.open(withEnd(TestTokenizers.byteFallback(dir.resolve("fallback"), pieces), 2))) {
            assertTextsSatisfyTheirSchema(tokenizer, TEXTS / 2);
        }
    }

    @ParameterizedTest
    @CsvSource({
        "info@acme.technology, true",
        "j.r+w_2@mail.example.co.uk, true",
        "a@b, false",
        "a..b@example.org, false",
        "a@-b.org, false",
    })
    void addressesMayBeWritten(String address, boolean expected) {
        assertThat(accepts("{\"type\":\"string\",\"format\":\"email\"}", '"' + address + '"'))
                .isEqualTo(expected);
    }

    /** Lucene's automata of many texts have a limit of 1,000 bytes for each. */
    @Test
    void longValuesMayBeWritten() {
        String value = '"' + "long ".repeat(300) + '"';
        assertThat(accepts("{\"const\":" + value + "}", value)).isTrue();
        assertThat(accepts("{\"enum\":[1," + value + "]}", value)).isTrue();
        assertThat(accepts("{\"enum\":[1," + value + "]}", "1")).isTrue();
    }

    private static boolean accepts(String schema, String text) {
        byte[][] bytes = new byte[257][];
        for (int b = 0; b < 256; b++) {
            bytes[b] = new byte[] {(byte) b};
        }
        TokenAutomaton automaton =
                new Constraints(Vocabulary.of(bytes, Set.of(256))).compile(new Constraint.JsonSchema(schema, ""));
        int state = TokenAutomaton.START;
        for (byte b : text.getBytes(StandardCharsets.UTF_8)) {
            state = state == TokenAutomaton.REFUSED ? state : automaton.after(state, b);
        }
        return state != TokenAutomaton.REFUSED && automaton.isAccepting(state);
    }

    private static Path withEnd(Path model, int end) throws IOException {
        java.nio.file.Files.writeString(model.resolve("generation_config.json"), "{\"eos_token_id\":" + end + "}");
        return model;
    }

    private static void assertTextsSatisfyTheirSchema(Tokenizer tokenizer, int texts) throws IOException {
        Random random = new Random(7);
        Constraints constraints = new Constraints(tokenizer.vocabulary());
        List<String> schemas = schemas();
        assertThat(schemas).hasSizeGreaterThanOrEqualTo(40);
        for (String schema : schemas) {
            TokenAutomaton automaton = constraints.compile(new Constraint.JsonSchema(schema, ""));
            Schema validator = VALIDATORS.getSchema(schema, InputFormat.JSON);
            for (int i = 0; i < texts / schemas.size() + 1; i++) {
                String text =
                        tokenizer.decode(Walk.tokens(automaton, tokenizer, Walk.length(automaton, random), random));
                assertThat(validator.validate(
                                text,
                                InputFormat.JSON,
                                context -> context.executionConfig(config -> config.formatAssertionsEnabled(true))))
                        .as(
                                "%s under %s %s",
                                text,
                                schema,
                                text.codePoints().mapToObj(Integer::toHexString).toList())
                        .isEmpty();
            }
        }
    }
}
