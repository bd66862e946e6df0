package nighttrain.pipeline.settings;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import nighttrain.io.UserError;
import nighttrain.io.constraint.Constraint;
import nighttrain.pipeline.job.Fingerprint;
import nighttrain.pipeline.job.JobFingerprints;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ConstraintOptionsTest {
    private static final String SCHEMA = "{\"type\": \"object\", \"properties\": {\"a\": {\"type\": \"integer\"}}}";

    private final SettingValues least =
            SettingValues.none().with(Settings.MODEL, "model").with(Settings.OUTPUT_PATH, "out");

    @Test
    void eachSettingMakesAConstraint(@TempDir Path dir) throws IOException {
        Path schema = Files.writeString(dir.resolve("schema.json"), SCHEMA);
        Path choices = Files.writeString(dir.resolve("choices.txt"), "yes\nno, never\n");
        assertThat(GenerateOptions.of(least).constraint()).isEmpty();
        assertThat(GenerateOptions.of(least.with(Settings.CHOICES, List.of("a", "b")))
                        .constraint())
                .contains(new Constraint.Choices(List.of("a", "b"), ""));
        assertThat(GenerateOptions.of(least.with(Settings.CHOICES_FILE, choices.toString()))
                        .constraint())
                .contains(new Constraint.Choices(List.of("yes", "no, never"), ""));
        assertThat(GenerateOptions.of(least.with(Settings.REGEX, "[ab]").with(Settings.CONSTRAIN_AFTER, "</think>"))
                        .constraint())
                .contains(new Constraint.Regex("[ab]", "</think>"));
        Constraint json = new Constraint.JsonSchema(SCHEMA.replace(" ", ""), "");
        assertThat(GenerateOptions.of(least.with(Settings.JSON_SCHEMA, SCHEMA)).constraint())
                .contains(json);
        assertThat(GenerateOptions.of(least.with(Settings.JSON_SCHEMA, schema.toString()))
                        .constraint())
                .contains(json);
    }

    /** Editors on Windows put it before a text, and it would be a part of the first choice. */
    @Test
    void aByteOrderMarkIsNotPartOfAFile(@TempDir Path dir) throws IOException {
        Path choices = Files.writeString(dir.resolve("choices.txt"), "\uFEFFyes\r\nno\r\n");
        Path schema = Files.writeString(dir.resolve("schema.json"), "\uFEFF" + SCHEMA);
        assertThat(GenerateOptions.of(least.with(Settings.CHOICES_FILE, choices.toString()))
                        .constraint())
                .contains(new Constraint.Choices(List.of("yes", "no"), ""));
        assertThat(GenerateOptions.of(least.with(Settings.JSON_SCHEMA, schema.toString()))
                        .constraint())
                .contains(new Constraint.JsonSchema(SCHEMA, ""));
    }

    @Test
    void badConstraintsAreRefused() {
        refuses(
                least.with(Settings.REGEX, "a").with(Settings.CHOICES, List.of("a")),
                "more than one constraint: --choices, --regex (one is allowed; leave the others out)");
        refuses(
                least.with(Settings.CONSTRAIN_AFTER, "x"),
                "--constrain-after does not go with the constraint: x (there is no");
        refuses(
                least.with(Settings.LOGPROBS_BEFORE_CONSTRAINT, true),
                "--logprobs-before-constraint does not go with the constraint: true (there is no");
        refuses(
                least.with(Settings.REGEX, "a").with(Settings.IGNORE_EOS, true),
                "--ignore-eos does not go with the constraint: true (a constrained output ends");
        refuses(
                least.with(Settings.REGEX, "a").with(Settings.STOP, List.of("b")),
                "--stop does not go with the constraint: [b] (it could cut");
        refuses(least.with(Settings.REGEX, "(?=a)"), "unsupported regular expression: (?=a) (look-ahead");
        refuses(least.with(Settings.CHOICES, List.of("a", "a")), "choice given twice: a");
        refuses(least.with(Settings.JSON_SCHEMA, "{\"not\":{}}"), "unsupported keyword in the JSON schema at #: not");
        refuses(least.with(Settings.JSON_SCHEMA, "{"), "JSON schema that is not JSON: {");
        refuses(least.with(Settings.JSON_SCHEMA, "nowhere.json"), "file of --json-schema not found: nowhere.json");
    }

    private static void refuses(SettingValues values, String message) {
        assertThatThrownBy(() -> GenerateOptions.of(values))
                .isInstanceOf(UserError.class)
                .hasMessageStartingWith(message);
    }

    @Test
    void aConstraintIsPartOfTheFingerprintWhereThereIsOne() {
        Fingerprint none = fingerprint(least);
        Fingerprint regex = fingerprint(least.with(Settings.REGEX, "[ab]"));
        assertThat(none.facts()).doesNotContainKey("constraint");
        assertThat(regex.changesSince(none)).singleElement().asString().startsWith("constraint (none) -> ");
        assertThat(regex.changesSince(fingerprint(least.with(Settings.REGEX, "[ab]"))))
                .isEmpty();
        assertThat(fingerprint(least.with(Settings.REGEX, "[ab]").with(Settings.CONSTRAIN_AFTER, "x"))
                        .changesSince(regex))
                .singleElement()
                .asString()
                .startsWith("constraint ");
        assertThat(fingerprint(least.with(Settings.JSON_SCHEMA, SCHEMA))
                        .changesSince(fingerprint(least.with(Settings.JSON_SCHEMA, SCHEMA.replace(" ", "")))))
                .isEmpty();
    }

    private static Fingerprint fingerprint(SettingValues values) {
        return JobFingerprints.of(GenerateOptions.of(values), "m", "i", "p", 100);
    }
}
