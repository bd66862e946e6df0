package nighttrain.io.constraint;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import nighttrain.io.text.TestTokenizers;
import nighttrain.io.text.Tokenizer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * In random states, compares the allowed tokens with those after which the decoded text is still a prefix of a text that {@code java.util.regex}
 * matches. Tries every token of the vocabulary and decodes with the model's own tokenizer.
 */
class AllowedTokensTest {
    /** Constraints, each with a Java regular expression that matches its texts. */
    private static final Map<Constraint, String> CONSTRAINTS = new LinkedHashMap<>();

    static {
        CONSTRAINTS.put(
                new Constraint.Choices(List.of("yes", "no", "日本", "no way", " no", "🦙é"), ""),
                "yes|no|日本|no way| no|🦙é");
        CONSTRAINTS.put(new Constraint.Regex("[A-C]{2,3}-\\d+?(?: [é日🦙]+)?", ""), "[A-C]{2,3}-[0-9]+(?: [é日🦙]+)?");
        CONSTRAINTS.put(new Constraint.Regex(" *(a|b)*", ""), " *[ab]*");
        CONSTRAINTS.put(
                new Constraint.JsonSchema(
                        "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"integer\"},\"b\":{\"enum\":[\"x\",\"é\"]}},\"required\":[\"a\"]}",
                        ""),
                "\\{\"a\":(?:0|-?[1-9][0-9]{0,17})(?:,\"b\":\"(?:x|é)\")?\\}");
        CONSTRAINTS.put(
                new Constraint.JsonSchema("{\"type\":\"string\",\"pattern\":\"^[a-c é日🦙\\\"\\\\\\\\]*$\"}", ""),
                "\"(?:[a-c é日🦙]|\\\\[\"\\\\])*\"");
        CONSTRAINTS.put(
                new Constraint.JsonSchema("{\"type\":\"integer\",\"minimum\":-5,\"maximum\":17}", ""),
                "-[1-5]|[0-9]|1[0-7]");
        CONSTRAINTS.put(new Constraint.Regex("[ab]{3}", "</think>"), "(?s)(?:(?!</think>).)*</think>[ab]{3}");
    }

    /** The multibyte characters that any of the constraints may hold. */
    private static final String CHARACTERS = "日本🦙é";

    private static final String[] PIECES = {
        "▁", "▁no", "no", "▁way", "y", "es", "A", "B", "C-", "1", "17", "0", "▁{", "{\"", "\"a\":", "\"", "},", "}",
        "a", "b", "▁日", "日", "本", "🦙", "é", "-", "5", ",\"b", "\":\"", "x\"", "</", "think>", "▁▁", "▁▁a", ">a", "\\",
        "\\\""
    };

    @TempDir
    Path dir;

    @Test
    void bytesAsLetters() throws IOException {
        Path model = TestTokenizers.byteLevel(
                dir,
                " no",
                "yes",
                "日本",
                "no way",
                "{\"a\":",
                "\":\"",
                "C-1",
                "12",
                "}",
                "é\"",
                "</think>",
                ">a",
                " é",
                "\\\"",
                " {");
        TestTokenizers.withAdded(model, "no w", false);
        TestTokenizers.withAdded(model, "<|other|>", true);
        assertAllowed(model, 257, Set.of(256), b -> b);
    }

    /** Llama 2: a text loses its first space. */
    @Test
    void bytesAsFallbackWithoutTheFirstSpace() throws IOException {
        Path model = TestTokenizers.byteFallback(dir, PIECES);
        assertAllowed(TestTokenizers.withAdded(model, "▁no▁w", false), 2, Set.of(0, 1), b -> 3 + b);
    }

    /** Gemma: a text keeps it. */
    @Test
    void bytesAsFallbackWithTheFirstSpace() throws IOException {
        Path model = TestTokenizers.withDecoder(
                TestTokenizers.byteFallback(dir, PIECES),
                "{\"type\":\"Sequence\",\"decoders\":[{\"type\":\"Replace\",\"pattern\":{\"String\":\"▁\"},\"content\":\" \"},"
                        + "{\"type\":\"ByteFallback\"},{\"type\":\"Fuse\"}]}");
        assertAllowed(model, 2, Set.of(0, 1), b -> 3 + b);
    }

    /** T5 and similar tokenizers: the first token loses all its marks, and there are no byte tokens. */
    @Test
    void marksForSpaces() throws IOException {
        Path model = TestTokenizers.withDecoder(
                TestTokenizers.byteFallback(
                        dir,
                        (String.join(" ", PIECES) + " c s w o t h i n k > < / { : , 2 3 4 6 7 8 9 C e").split(" ")),
                "{\"type\":\"Metaspace\",\"replacement\":\"▁\",\"prepend_scheme\":\"always\",\"split\":true}");
        assertAllowed(model, 2, Set.of(0, 1), null);
    }

    private interface ByteToken {
        int of(int value);
    }

    private static void assertAllowed(Path model, int end, Set<Integer> special, ByteToken bytes) throws IOException {
        Files.writeString(model.resolve("generation_config.json"), "{\"eos_token_id\":" + end + "}");
        Random random = new Random(5);
        try (Tokenizer tokenizer = Tokenizer.open(model)) {
            Constraints constraints = new Constraints(tokenizer.vocabulary());
            CONSTRAINTS.forEach((constraint, regex) -> {
                TokenAutomaton automaton = constraints.compile(constraint);
                Brute brute = new Brute(
                        tokenizer,
                        Pattern.compile(regex),
                        special,
                        bytes,
                        !constraint.after().isEmpty());
                // Free text allows many characters, and all are tried, so one walk is enough.
                for (int walk = constraint.after().isEmpty() ? 0 : 2; walk < 3; walk++) {
                    List<Integer> tokens = new ArrayList<>();
                    int state = TokenAutomaton.START;
                    for (int i = 0; i < 6; i++) {
                        int[] allowed = Walk.allowed(automaton, state, Integer.MAX_VALUE);
                        assertThat(allowed)
                                .as("after %s under %s", tokens, constraint)
                                .containsExactly(brute.allowed(tokens));
                        int token = allowed[random.nextInt(allowed.length)];
                        if (token == end) {
                            break;
                        }
                        tokens.add(token);
                        state = automaton.after(state, token);
                    }
                }
            });
        }
    }

    private record Brute(
            Tokenizer tokenizer, Pattern pattern, Set<Integer> special, ByteToken bytes, boolean freeFirst) {
        int[] allowed(List<Integer> before) {
            List<Integer> allowed = new ArrayList<>();
            for (int token = 0; token < tokenizer.vocabSize(); token++) {
                if (tokenizer.endTokens().contains(token) ? isWhole(before) : allows(before, token)) {
                    allowed.add(token);
                }
            }
            return allowed.stream().mapToInt(Integer::intValue).toArray();
        }

        private boolean isWhole(List<Integer> tokens) {
            return pattern.matcher(decoded(tokens)).matches();
        }

        private boolean allows(List<Integer> before, int token) {
            List<Integer> tokens = new ArrayList<>(before);
            tokens.add(token);
            boolean isSpecial = special.contains(token)
                    || tokenizer
                            .decode(new int[] {'a' + (bytes == null ? 0 : bytes.of(0)), token})
                            .equals(tokenizer.decode(new int[] {'a' + (bytes == null ? 0 : bytes.of(0))}));
            if (isSpecial) {
                // Free text may hold special tokens between characters, and does not show them.
                String free = decoded(before);
                return freeFirst && !free.contains("</think>") && !free.endsWith("\uFFFD");
            }
            String text = decoded(tokens);
            int end = text.length();
            while (end > 0 && text.charAt(end - 1) == '\uFFFD') {
                end--;
            }
            if (!begins(text.substring(0, end)) || text.substring(0, end).contains("\uFFFD")) {
                return false; // bytes that cannot become a character are never allowed, not even in free text
            }
            return end == text.length() || completes(tokens);
        }

        /** Returns whether a text that ends within a character can be completed to an allowed character. */
        private boolean completes(List<Integer> tokens) {
            for (int c : (freeFirst ? EVERY_BEGINNING : CHARACTERS).codePoints().toArray()) {
                byte[] encoded = Character.toString(c).getBytes(StandardCharsets.UTF_8);
                for (int from = 1; from < encoded.length; from++) {
                    if (freeFirst && !mayEndWith(tokens, encoded[from - 1])) {
                        continue;
                    }
                    List<Integer> whole = new ArrayList<>(tokens);
                    for (int i = from; i < encoded.length; i++) {
                        whole.add(bytes.of(encoded[i] & 0xff));
                    }
                    String text = decoded(whole);
                    if (!text.contains("\uFFFD") && begins(text)) {
                        return true;
                    }
                }
            }
            return false;
        }

        /** Excludes last bytes that do not match, which saves decoding many characters. */
        private boolean mayEndWith(List<Integer> tokens, byte last) {
            int token = tokens.get(tokens.size() - 1);
            return token == bytes.of(last & 0xff) || token < bytes.of(0) || token > bytes.of(255);
        }

        private static final String EVERY_BEGINNING = everyBeginning();

        /** Returns characters whose first bytes, up to three of four, include those of every character. */
        private static String everyBeginning() {
            StringBuilder all = new StringBuilder();
            for (int c = 0x80; c < 0x110000; c += 0x40) {
                if (c < 0xD800 || c > 0xDFFF) {
                    all.appendCodePoint(c);
                }
            }
            return all.toString();
        }

        private boolean begins(String text) {
            Matcher matcher = pattern.matcher(text);
            return matcher.matches() || matcher.hitEnd();
        }

        private String decoded(List<Integer> tokens) {
            return tokenizer.decode(tokens.stream().mapToInt(Integer::intValue).toArray());
        }
    }

    /** The expected numbers come from trying all sequences of tokens, one length after another. */
    @Test
    void fewestTokensAreTheFewest() throws IOException {
        Path model = TestTokenizers.byteLevel(dir, "bill", "billing", " outage", "out", "age", "acc", "count");
        Files.writeString(model.resolve("generation_config.json"), "{\"eos_token_id\":257}");
        List<String> choices = List.of("billing count", "outage", "acccount", "age");
        try (Tokenizer tokenizer = Tokenizer.open(model)) {
            TokenAutomaton automaton =
                    new Constraints(tokenizer.vocabulary()).compile(new Constraint.Choices(choices, ""));
            for (String begun : List.of("", "b", "bill", "billing", "billing ", "out", "o", "a", "acccoun", "outage")) {
                int state = TokenAutomaton.START;
                for (byte b : begun.getBytes(StandardCharsets.UTF_8)) {
                    state = automaton.after(state, b);
                }
                assertThat(automaton.fewestTokens()[state]).as(begun).isEqualTo(fewest(tokenizer, choices, begun));
                for (int remaining = 1; remaining < 6; remaining++) {
                    for (int token = 0; token < tokenizer.vocabSize(); token++) {
                        String then = begun + tokenizer.decode(new int[] {token});
                        boolean isText = token != 256 && token != 257;
                        boolean allowed = isText
                                ? choices.stream().anyMatch(choice -> choice.startsWith(then))
                                        && fewest(tokenizer, choices, then) < remaining
                                : token == 257 && choices.contains(begun);
                        assertThat(automaton.allows(state, token, remaining))
                                .as("%s, token %d, %d left", begun, token, remaining)
                                .isEqualTo(allowed);
                    }
                }
            }
        }
    }

    private static int fewest(Tokenizer tokenizer, List<String> choices, String begun) {
        List<String> texts = List.of(begun);
        for (int tokens = 0; ; tokens++) {
            if (texts.stream().anyMatch(choices::contains)) {
                return tokens;
            }
            List<String> longer = new ArrayList<>();
            for (String text : texts) {
                for (int token = 0; token < tokenizer.vocabSize(); token++) {
                    String next = text + tokenizer.decode(new int[] {token});
                    if (!next.equals(text) && choices.stream().anyMatch(choice -> choice.startsWith(next))) {
                        longer.add(next);
                    }
                }
            }
            texts = longer;
        }
    }

    /** The mark that starts the constraint may be a special token, which texts do not show. */
    @Test
    void constraintAfterASpecialToken() throws IOException {
        for (Path model : List.of(
                TestTokenizers.byteLevel(dir.resolve("bytes"), "ab", " a", "</think>"),
                TestTokenizers.byteFallback(dir.resolve("fallback"), "▁", "a", "b", "▁a", "▁b", "ab"))) {
            int end = model.endsWith("bytes") ? 257 : 2;
            TestTokenizers.withAdded(model, "</mark>", true);
            Files.writeString(model.resolve("generation_config.json"), "{\"eos_token_id\":" + end + "}");
            Random random = new Random(3);
            try (Tokenizer tokenizer = Tokenizer.open(model)) {
                int mark = tokenizer.vocabSize() - 1;
                for (String after : List.of("</mark>", "</mark>a")) {
                    TokenAutomaton automaton = new Constraints(tokenizer.vocabulary())
                            .compile(new Constraint.Regex("[ab]{2}( b)?", after));
                    assertThat(automaton.fewestTokens()[0]).isEqualTo(after.endsWith("a") ? 3 : 2);
                    for (int i = 0; i < 300; i++) {
                        int[] tokens = Walk.tokens(automaton, tokenizer, 4 + random.nextInt(12), random);
                        int at = 0;
                        while (at < tokens.length && tokens[at] != mark) {
                            at++;
                        }
                        String before = tokenizer.decode(Arrays.copyOf(tokens, at));
                        String text = tokenizer.decode(tokens);
                        assertThat(before)
                                .as("the mark is no part of a character")
                                .doesNotEndWith("\uFFFD");
                        if (at < tokens.length && after.equals("</mark>")) {
                            assertThat(text).startsWith(before);
                            assertThat(text.substring(before.length()))
                                    .as(Arrays.toString(tokens))
                                    .matches("[ab]{2}( b)?");
                        } else {
                            assertThat(text).matches("(?s).*[ab]{2}( b)?");
                        }
                    }
                }
            }
        }
    }

    /** A special token that is not in the mark neither begins the constraint nor breaks a mark in the text. */
    @Test
    void otherSpecialTokensAreNoTextOfTheMark() throws IOException {
        Path model = TestTokenizers.withAdded(TestTokenizers.byteLevel(dir), "<x</mark>", true);
        Files.writeString(model.resolve("generation_config.json"), "{\"eos_token_id\":257}");
        try (Tokenizer tokenizer = Tokenizer.open(model)) {
            TokenAutomaton automaton =
                    new Constraints(tokenizer.vocabulary()).compile(new Constraint.Regex("a", "</mark>"));
            int other = tokenizer.vocabSize() - 1;
            int state = TokenAutomaton.START;
            for (int token : new int[] {other, 'b', '<', '/', 'm', 'a', other, 'r', 'k', '>'}) {
                state = automaton.after(state, token);
            }
            assertThat(Walk.allowed(automaton, state, Integer.MAX_VALUE)).containsExactly('a');
        }
    }
}
