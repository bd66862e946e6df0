package nighttrain.jobs;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Every user error reads {@code what failed: value (limit; way out)}. */
class ErrorFormTest {
    /** The imperatives that ways out use. A hint of another form has none of them. */
    private static final Set<String> IMPERATIVES = Set.of(
            "add",
            "ask",
            "build",
            "check",
            "choose",
            "convert",
            "copy",
            "correct",
            "cut",
            "download",
            "finish",
            "give",
            "install",
            "leave",
            "lower",
            "make",
            "mend",
            "move",
            "name",
            "raise",
            "remove",
            "rename",
            "repair",
            "repeat",
            "replace",
            "run",
            "see",
            "set",
            "use",
            "wait",
            "write");

    private static final Pattern FIRST_PERSON = Pattern.compile("\\b(I|we|us|our|my|me)\\b");

    /** Words that GLOSSARY's terms replace. Those that are also plain English, such as line, are left out. */
    private static final Pattern REPLACED = Pattern.compile(
            "\\b(draw(s|n|ing)?|sum(s|med|ming)?|company|products?|guilty|alone|contenders?|elders?|ticks?|farewell|intake"
                    + "|beginnings|deaths?|dies?|died|likeliest)\\b",
            Pattern.CASE_INSENSITIVE);

    /** Begins in lower case, with an option, or with a word that is always in capitals: GPUs, KV. */
    private static final Pattern WHAT = Pattern.compile("(--[a-z]|[a-z]|[A-Z]{2}|" + ErrorTexts.HOLE + ").*[^:.\\s]");

    /** The form of {@code Flaw.refuse}, whose texts are read where each {@code Flaw} is made. */
    private static final String PASSED_ON = "…: … (…)";

    @Test
    void everyErrorOfEveryModuleHasTheForm() throws IOException {
        List<Path> files = new ArrayList<>();
        for (String module : List.of("io", "executor-gpu", "pipeline", "jobs")) {
            try (Stream<Path> walk = Files.walk(Project.ROOT.resolve(module).resolve("src/main/java"))) {
                walk.filter(file -> file.toString().endsWith(".java")).forEach(files::add);
            }
        }

        Set<ErrorTexts.Text> texts = ErrorTexts.of(files);

        assertThat(texts).hasSizeGreaterThan(150);
        assertThat(texts.stream()
                        .filter(text -> !text.form().equals(PASSED_ON))
                        .flatMap(text -> faults(text).stream().map(fault -> fault + "  " + text)))
                .isEmpty();
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "Bad value | at least 1; raise it | what failed",
                "bad value: | at least 1; raise it | what failed",
                "bad value. | at least 1; raise it | what failed",
                "bad value | '' | way out",
                "bad value | at least 1 | way out",
                "bad value | at least 1; or else | way out",
                "bad value | at least 1, raise it | way out",
                "bad value | at least 1; raise it. | ends",
                "bad value | we need 1; raise it | first person",
                "bad value | each row draws a text; raise it | glossary",
                "bad value | at least 1; raise it | ",
                "--dedup needs greedy sampling | leave it out | ",
                "KV cache too small | at least 1; use more, or lower it | "
            })
    void aTextOfAnotherFormIsFound(String what, String hint, String fault) {
        List<String> found = faults(new ErrorTexts.Text("X.java:1", what, hint));

        if (fault == null) {
            assertThat(found).isEmpty();
        } else {
            assertThat(found).singleElement().asString().contains(fault);
        }
    }

    @Test
    void constantsParametersAndBranchesAreRead(@TempDir Path folder) throws IOException {
        Path file = folder.resolve("Sample.java");
        Files.writeString(file, """
                class Sample {
                    private static final String AGAIN = "; copy it again";
                    static UserError bad(String key, String hint) {
                        return UserError.of("bad " + key, 1, hint + AGAIN);
                    }
                    UserError of(boolean many, int n) {
                        String way = many ? "lower it" : "raise it";
                        return many ? bad("a", "first") : n > 1 ? bad("b", "second") : UserError.of("c", n, n + "; " + way);
                    }
                }
                """);

        assertThat(ErrorTexts.of(List.of(file)))
                .extracting(text -> text.what() + ": " + text.hint())
                .containsExactlyInAnyOrder(
                        "bad a: first; copy it again",
                        "bad b: second; copy it again",
                        "c: …; lower it",
                        "c: …; raise it");
    }

    private static List<String> faults(ErrorTexts.Text text) {
        List<String> faults = new ArrayList<>();
        if (!WHAT.matcher(text.what()).matches()) {
            faults.add("what failed begins in lower case and ends without colon or period:");
        }
        if (Stream.of(text.hint().split("; ")).noneMatch(ErrorFormTest::isWayOut)) {
            faults.add("no way out after the limit and a semicolon:");
        }
        if (text.hint().endsWith(".")) {
            faults.add("the hint ends without period:");
        }
        String words = text.what() + " " + text.hint();
        if (FIRST_PERSON.matcher(words).find()) {
            faults.add("first person:");
        }
        if (REPLACED.matcher(words).find()) {
            faults.add("a word that the glossary replaces:");
        }
        return faults;
    }

    private static boolean isWayOut(String clause) {
        return IMPERATIVES.contains(clause.split("[ ,:]", 2)[0]);
    }
}
