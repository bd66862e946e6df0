package nighttrain.io.constraint;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import java.util.regex.Pattern;
import nighttrain.io.text.TestTokenizers;
import nighttrain.io.text.Tokenizer;
import org.apache.lucene.util.automaton.Automaton;
import org.apache.lucene.util.automaton.Operations;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Compares regular expressions with java.util.regex, and choices with a set. */
class RegexTextsTest {
    @TempDir
    Path dir;

    @ParameterizedTest
    @ValueSource(
            strings = {
                "abc",
                "a|bc|",
                "(a|b)*c+d?",
                "[a-f0-9]{2,5}",
                "[^a-z]+",
                "\\d{3}-\\d{4}",
                "\\w+@\\w+\\.(com|org)",
                "\\s\\S\\s",
                ".{0,3}",
                "^a.c$",
                "(^a|b)c$",
                "(?:x|y){2}z*?",
                "(?<year>[12][0-9]{3})",
                "\\p{Lu}\\p{L}*",
                "\\P{L}+",
                "[\\p{IsGreek}\\d]{1,4}",
                "\\u00e9\\x41\\t\\n",
                "[\\]\\-\\\\^]+",
                "é🦙[日-本]*",
                "a{0}b{2}c{3,}",
                "((((a))))",
                "[+*?.(){}|$]+",
                "[a-]+",
                "[\\d-]+",
                "x*",
                "\\uD83E\\uDD99",
                "[^\\s]{2}",
                "[^\\S]+",
                "\\.\\*\\+\\[\\]",
                "(a|)(b|)",
                "a$|^b"
            })
    void textsMatch(String regex) throws IOException {
        Path model = TestTokenizers.byteLevel(dir, "ab", "abc", " 1", "日", "🦙", "é", "com", "@", "αβ", "Été");
        Files.writeString(model.resolve("generation_config.json"), "{\"eos_token_id\":257}");
        Random random = new Random(1);
        try (Tokenizer tokenizer = Tokenizer.open(model)) {
            TokenAutomaton automaton = new Constraints(tokenizer.vocabulary()).compile(new Constraint.Regex(regex, ""));
            Pattern java = Pattern.compile(regex);
            for (int i = 0; i < 60; i++) {
                int[] tokens = Walk.tokens(automaton, tokenizer, Walk.length(automaton, random), random);
                assertThat(tokenizer.decode(tokens)).matches(java);
            }
        }
    }

    /** Matches all short texts over a few characters with both. */
    @ParameterizedTest
    @ValueSource(
            strings = {
                "a(b|c)*",
                "(a|b|c){2,3}",
                "[^b]*",
                "^a|b$",
                "(^|b)a($|c)",
                "a?b?c?",
                "(ab|a)(bc|c)?",
                "\\w{2}",
                "(a*b)*",
                "((a|b)*c){1,2}",
                "a*^b",
                "b$c*",
                "[^a][^b]?",
                ".b."
            })
    void matchTheSameTexts(String regex) {
        Automaton whole = RegexParser.parse(regex).whole();
        Automaton somewhere = RegexParser.parse(regex).somewhere();
        Pattern java = Pattern.compile(regex);
        for (int code = 0; code < 5 * 5 * 5 * 5 * 5; code++) {
            StringBuilder text = new StringBuilder();
            for (int rest = code; rest > 0; rest /= 5) {
                text.append(rest % 5 == 0 ? "" : "abc🦙".substring(rest % 5 - 1, rest % 5 == 4 ? 5 : rest % 5));
            }
            assertThat(Operations.run(whole, text.toString()))
                    .as("%s, all of %s", regex, text)
                    .isEqualTo(java.matcher(text).matches());
            assertThat(Operations.run(somewhere, text.toString()))
                    .as("%s in %s", regex, text)
                    .isEqualTo(java.matcher(text).find());
        }
    }

    @Test
    void choicesAreWritten() throws IOException {
        Path model = TestTokenizers.byteLevel(dir, "bill", "billing", " out", "日本");
        Files.writeString(model.resolve("generation_config.json"), "{\"eos_token_id\":257}");
        List<String> choices = List.of("billing", "bill", "outage", " outage", "日本語", "\"quoted\", with\nline", "🦙");
        Random random = new Random(1);
        try (Tokenizer tokenizer = Tokenizer.open(model)) {
            TokenAutomaton automaton =
                    new Constraints(tokenizer.vocabulary()).compile(new Constraint.Choices(choices, ""));
            java.util.Set<String> seen = new java.util.TreeSet<>();
            for (int i = 0; i < 500; i++) {
                seen.add(tokenizer.decode(Walk.tokens(automaton, tokenizer, 1 + random.nextInt(1100), random)));
            }
            assertThat(seen).containsExactlyInAnyOrderElementsOf(choices);
        }
    }
}
