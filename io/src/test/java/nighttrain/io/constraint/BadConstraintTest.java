package nighttrain.io.constraint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import nighttrain.io.UserError;
import nighttrain.io.text.TestTokenizers;
import nighttrain.io.text.Tokenizer;
import nighttrain.io.text.Vocabulary;
import org.junit.jupiter.api.Assertions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Tests that bad constraints are refused with an error that names the fault. */
class BadConstraintTest {
    @ParameterizedTest
    @CsvSource(
            delimiter = '¦',
            quoteCharacter = '~',
            value = {
                "{\"a\": ¦ JSON schema that is not JSON: {\"a\":",
                "[1] ¦ not a JSON schema: [1]",
                "{\"enum\":[]} ¦ JSON schema that no value satisfies, at #/enum: []",
                "{\"type\":\"integer\",\"minimum\":5,\"maximum\":4} ¦ JSON schema that no value satisfies, at #: type integer",
                "{\"type\":\"integer\",\"exclusiveMinimum\":4,\"exclusiveMaximum\":5} ¦ no value satisfies, at #: type integer",
                "{\"type\":\"integer\",\"minimum\":1,\"maximum\":6,\"multipleOf\":7} ¦ no value satisfies, at #: type integer",
                "{\"type\":\"string\",\"minLength\":5,\"maxLength\":4} ¦ no value satisfies, at #/minLength: 5 (at most 4",
                "{\"type\":\"string\",\"pattern\":\"^a$\",\"minLength\":2} ¦ no value satisfies, at #: type string",
                "{\"type\":\"array\",\"minItems\":5,\"maxItems\":4} ¦ no value satisfies, at #/minItems: 5",
                "{\"enum\":[1,\"a\"],\"maximum\":0,\"minLength\":2} ¦ no value satisfies, at #: [1,\"a\"]",
                "{\"type\":\"string\",\"const\":1} ¦ no value satisfies, at #: 1",
                "{\"type\":\"object\",\"properties\":{\"a\":false},\"required\":[\"a\"]} ¦ constraint that no text satisfies: JSON schema",
                "{\"type\":\"object\",\"additionalProperties\":false,\"required\":[\"a\"]} ¦ no value satisfies, at #/required: a",
                "{\"allOf\":[{\"type\":\"string\"},{\"type\":\"integer\"}]} ¦ constraint that no text satisfies: JSON schema",
                "{\"allOf\":[{\"minLength\":5},{\"maxLength\":3}]} ¦ constraint that no text satisfies: JSON schema",
                "{\"allOf\":[{\"minItems\":3},{\"items\":{\"const\":1},\"maxItems\":2}]} ¦ constraint that no text satisfies: JSON schema",
                "{\"$ref\":\"#\"} ¦ constraint that no text satisfies",
                "{\"type\":\"object\",\"properties\":{\"me\":{\"$ref\":\"#\"}},\"required\":[\"me\"]} ¦ constraint that no text satisfies",
                "false ¦ constraint that no text satisfies",
                "{\"properties\":{\"a\":{\"not\":{}}}} ¦ unsupported keyword in the JSON schema at #/properties/a: not",
                "{\"type\":\"object\",\"patternProperties\":{}} ¦ unsupported keyword in the JSON schema at #: patternProperties",
                "{\"items\":{\"if\":{}}} ¦ unsupported keyword in the JSON schema at #/items: if",
                "{\"type\":\"string\",\"maxlength\":3} ¦ unsupported keyword in the JSON schema at #: maxlength",
                "{\"type\":\"string\",\"format\":\"uri\"} ¦ unsupported keyword in the JSON schema at #: format uri",
                "{\"type\":\"array\",\"uniqueItems\":true} ¦ unsupported keyword in the JSON schema at #: uniqueItems",
                "{\"type\":\"array\",\"items\":[{}]} ¦ unsupported keyword in the JSON schema at #: items with a list",
                "{\"type\":\"array\",\"contains\":{}} ¦ unsupported keyword in the JSON schema at #: contains",
                "{\"type\":\"object\",\"minProperties\":2} ¦ unsupported keyword in the JSON schema at #: minProperties",
                "{\"$ref\":\"https://example.com/x\"} ¦ unsupported keyword in the JSON schema at #: $ref",
                "{\"$ref\":\"#/$defs/x\"} ¦ unsupported keyword in the JSON schema at #: $ref",
                "{\"$ref\":\"#/$defs/100%\"} ¦ unsupported keyword in the JSON schema at #: $ref",
                "{\"$ref\":\"#x\"} ¦ unsupported keyword in the JSON schema at #: $ref",
                "{\"type\":\"text\"} ¦ bad JSON schema at #/type: text",
                "{\"type\":\"number\",\"minimum\":\"1\"} ¦ bad JSON schema at #/minimum",
                "{\"type\":\"number\",\"exclusiveMinimum\":true} ¦ bad JSON schema at #/exclusiveMinimum",
                "{\"type\":\"string\",\"minLength\":-1} ¦ bad JSON schema at #/minLength: -1",
                "{\"type\":\"number\",\"minimum\":1e30} ¦ unsupported keyword in the JSON schema at #: minimum",
                "{\"type\":\"number\",\"multipleOf\":0.0000123457} ¦ unsupported keyword in the JSON schema at #: multipleOf",
                "{\"allOf\":[{\"multipleOf\":997},{\"multipleOf\":991},{\"multipleOf\":983},{\"multipleOf\":977}]} ¦ constraint too large: multiples of 948892238557",
                "{\"type\":\"number\",\"maximum\":1e2147483647} ¦ unsupported keyword in the JSON schema at #: maximum",
                "{\"enum\":[1e2147483647],\"multipleOf\":7} ¦ no value satisfies, at #: [1E+2147483647]",
                "{\"const\":1e9999999999} ¦ number out of range in the JSON schema: {\"const\":1e9999999999}",
                "{\"type\":\"object\",\"properties\":{\"a\":1}} ¦ bad JSON schema at #/properties/a: 1",
                "{\"anyOf\":[]} ¦ bad JSON schema at #/anyOf",
                "{\"oneOf\":[{\"type\":\"integer\"},{\"type\":\"number\"}]} ¦ oneOf whose cases overlap, in the JSON schema at #: cases 1 and 2",
                "{\"oneOf\":[{\"properties\":{\"a\":{\"type\":\"string\"}},\"required\":[\"a\"]},{\"type\":\"object\",\"properties\":{\"b\":{}}}]} ¦ oneOf whose cases overlap",
                "{\"oneOf\":[{\"type\":\"string\"},{\"properties\":{\"b\":{}},\"required\":[\"b\"]}]} ¦ oneOf whose cases overlap",
                "{\"oneOf\":[{\"properties\":{\"v\":{\"minLength\":1}},\"required\":[\"v\"]},{\"properties\":{\"v\":{\"minimum\":0}},\"required\":[\"v\"]}]} ¦ oneOf whose cases overlap",
                "{\"oneOf\":[{\"type\":\"string\",\"pattern\":\"^a\"},{\"type\":\"string\",\"pattern\":\"b$\"}]} ¦ oneOf whose cases overlap",
                "{\"type\":\"string\",\"pattern\":\"(?=a)\"} ¦ unsupported pattern at #: (?=a) (look-ahead",
                "{\"type\":\"string\",\"maxLength\":100000} ¦ constraint too large: text of 100000 characters",
                "{\"type\":\"array\",\"items\":{\"type\":\"string\",\"maxLength\":500},\"maxItems\":500} ¦ constraint too large",
            })
    void schemas(String schema, String message) {
        refused(() -> Constraints.check(new Constraint.JsonSchema(schema, "")), message);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '¦',
            value = {
                "a(?=b) ¦ unsupported regular expression: a(?=b) (look-ahead at character 2",
                "(?!b) ¦ look-ahead",
                "(?<=b)a ¦ look-behind",
                "(?<!b)a ¦ look-behind",
                "(a)\\1 ¦ a back reference at character 4",
                "(?<x>a)\\k<x> ¦ a back reference",
                "\\bword\\b ¦ a word boundary",
                "(?i)a ¦ a flag",
                "(?>a) ¦ an atomic group",
                "a++ ¦ a possessive repetition",
                "(a ¦ a group that does not end",
                "a) ¦ a ) that closes nothing",
                "[a ¦ a set that does not end",
                "* ¦ a repetition of nothing",
                "a** ¦ a repetition of a repetition",
                "a{3,2} ¦ a repetition that is none",
                "a{x} ¦ a repetition without a number",
                "a{20000} ¦ more than 10000 repetitions",
                "[b-a] ¦ a range that is none",
                "[a&&b] ¦ a set in a set",
                "[] ¦ an empty set",
                "\\q ¦ an unknown escape",
                "\\p{Nonsense} ¦ an unknown property",
                "\\u12 ¦ an escape without its 4 digits",
                "\\ud83d\\udc0 ¦ an escape without its 4 digits at character 1",
                "[\\ud83d\\udc0] ¦ an escape without its 4 digits at character 2",
                "\\ud83d\\u0041 ¦ half of a surrogate pair",
                "^a^b ¦ constraint that no text satisfies: ^a^b",
                "(a{1000}){1000} ¦ constraint too large",
                "((a{100}){100}){100} ¦ constraint too large",
                "(a|b)*a(a|b){30} ¦ constraint too large",
                "(.*a){2}(.*b){3}(.{0,40}[cd]){20} ¦ constraint too large",
            })
    void regexes(String regex, String message) {
        refused(() -> Constraints.check(new Constraint.Regex(regex, "")), message);
    }

    @Test
    void choices() {
        refused(() -> new Constraint.Choices(List.of(), ""), "no choices: none");
        refused(() -> new Constraint.Choices(List.of("a", ""), ""), "empty choice: [a, ]");
        refused(() -> new Constraint.Choices(List.of("a", "b", "a"), ""), "choice given twice: a");
        refused(() -> new Constraint.Choices(List.of("é".repeat(501)), ""), "choice too long: 1002 bytes");
    }

    @Test
    void deepGroupsEndInAnError() {
        refused(
                () -> Constraints.check(new Constraint.Regex("(".repeat(3000) + ")".repeat(3000), "")),
                "groups in one another");
        String deep = "{\"items\":".repeat(900) + "{}" + "}".repeat(900);
        refused(() -> Constraints.check(new Constraint.JsonSchema(deep, "")), "constraint too large: over 200 levels");
        String wide =
                "{\"properties\":{\"a\":{\"$ref\":\"#\"},\"b\":{\"$ref\":\"#\"},\"c\":{\"$ref\":\"#\"},\"d\":{\"$ref\":\"#\"},\"e\":{\"$ref\":\"#\"},"
                        + "\"f\":{\"$ref\":\"#\"},\"g\":{\"$ref\":\"#\"},\"h\":{\"$ref\":\"#\"},\"i\":{\"$ref\":\"#\"},\"j\":{\"$ref\":\"#\"}}}";
        refused(
                () -> Constraints.check(new Constraint.JsonSchema(wide, "")),
                "constraint too large: over 100000 parts");
    }

    /** Values of an enum share what they have in common, and cases whose schemas name their types are parsed once. */
    @Test
    void longListsOfValuesAndCasesAreNotTooLarge() {
        String values = IntStream.range(0, 5000)
                .mapToObj(i -> "\"value number " + i + " of many\"")
                .collect(Collectors.joining(","));
        Constraints.check(new Constraint.JsonSchema(
                "{\"type\":\"array\",\"items\":{\"type\":\"string\",\"maxLength\":100,\"enum\":[" + values
                        + "]},\"maxItems\":3}",
                ""));
        String parts = "\"v\":{\"allOf\":[" + "{\"type\":\"null\"},".repeat(30_000) + "true]}},\"required\":[\"k\"]}";
        Constraints.check(new Constraint.JsonSchema(
                "{\"oneOf\":[{\"type\":\"object\",\"properties\":{\"k\":{\"const\":1}," + parts
                        + ",{\"type\":\"object\",\"properties\":{\"k\":{\"const\":2}," + parts + "]}",
                ""));
    }

    /** Cases of one list with those of every other: a hundred million here. */
    @Test
    void casesOfCasesEndInAnError() {
        String lists = IntStream.range(0, 8)
                .mapToObj(list -> IntStream.range(0, 10)
                        .mapToObj(i -> "{\"required\":[\"" + list + "_" + i + "\"]}")
                        .collect(Collectors.joining(",", "{\"anyOf\":[", "]}")))
                .collect(Collectors.joining(","));
        refused(
                () -> Constraints.check(new Constraint.JsonSchema("{\"allOf\":[" + lists + "]}", "")),
                "constraint too large: 100000 cases");
    }

    @Test
    void tokensThatCannotWriteIt() {
        Vocabulary digits = Vocabulary.of(new byte[][] {{'1'}, {'2'}, null}, Set.of(2));
        refused(
                () -> new Constraints(digits).compile(new Constraint.Regex("12a", "")),
                "constraint that no text satisfies: none of its texts");
        assertThat(new Constraints(digits)
                        .compile(new Constraint.Regex("12|1a", ""))
                        .states())
                .isEqualTo(3);
        Vocabulary endless = Vocabulary.of(new byte[][] {{'1'}}, Set.of());
        refused(() -> new Constraints(endless).compile(new Constraint.Regex("1", "")), "no end token: none");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "{\"type\":\"WordPiece\",\"prefix\":\"##\",\"cleanup\":true}",
                "null",
                "{\"type\":\"BPEDecoder\",\"suffix\":\"</w>\"}",
                "{\"type\":\"CTC\",\"pad_token\":\"<pad>\",\"word_delimiter_token\":\"|\",\"cleanup\":true}",
                "{\"type\":\"Sequence\",\"decoders\":[{\"type\":\"ByteFallback\"},{\"type\":\"Fuse\"},{\"type\":\"Strip\",\"content\":\" \",\"start\":0,\"stop\":1}]}",
                "{\"type\":\"Sequence\",\"decoders\":[{\"type\":\"Replace\",\"pattern\":{\"Regex\":\"a\"},\"content\":\"b\"}]}"
            })
    void decodersThatLookAtNeighbours(String decoder, @TempDir Path dir) {
        Path model = TestTokenizers.withDecoder(TestTokenizers.byteFallback(dir, "▁"), decoder);
        try (Tokenizer tokenizer = Tokenizer.open(model)) {
            refused(
                    tokenizer::vocabulary,
                    "constraints are not supported with the decoder of " + model.resolve("tokenizer.json"));
        }
    }

    @Test
    void equalConstraintsAreCompiledOnce() {
        Vocabulary digits = Vocabulary.of(new byte[][] {{'1'}, {'2'}, null}, Set.of(2));
        Constraints constraints = new Constraints(digits);
        TokenAutomaton one = constraints.compile(new Constraint.JsonSchema("{ \"type\" : \"integer\" }", ""));
        assertThat(constraints.compile(new Constraint.JsonSchema("{\"type\":\"integer\"}", "")))
                .isSameAs(one);
        assertThat(constraints.compile(new Constraint.JsonSchema("{\"type\":\"integer\"}", "1")))
                .isNotSameAs(one);
        assertThat(new Constraint.Choices(List.of("a,b"), "").hash())
                .isNotEqualTo(new Constraint.Choices(List.of("a", "b"), "").hash());
        assertThat(new Constraint.Regex("a", "").hash()).isNotEqualTo(new Constraint.Choices(List.of("a"), "").hash());
    }

    /** Checks that work is refused early, since limits count work. A minute is far more than it takes, for a busy machine. */
    private static void refused(org.junit.jupiter.api.function.Executable work, String message) {
        Assertions.assertTimeoutPreemptively(
                Duration.ofSeconds(60),
                () -> assertThatThrownBy(work::execute)
                        .isInstanceOf(UserError.class)
                        .hasMessageContaining(message)
                        .hasMessageMatching("(?s).+: .+ \\(.+; .+\\)"));
    }
}
