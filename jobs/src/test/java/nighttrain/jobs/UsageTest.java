package nighttrain.jobs;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import nighttrain.jobs.cli.ExitCode;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Tests errors in the command itself, which are found before any file is read. */
class UsageTest {
    @TempDir
    Path folder;

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "                              | missing command: nighttrain (give one, such as generate; see nighttrain --help)",
                "quit                          | unknown command: quit (see nighttrain --help)",
                "generate --modle m            | unknown option: --modle (did you mean --model?; see nighttrain"
                        + " generate --help)",
                "generate --max-token 1        | unknown option: --max-token (did you mean --max-tokens?; see nighttrain"
                        + " generate --help)",
                "label --max-tokens=1          | unknown option: --max-tokens=1 (an option of generate, plan; leave it out, or"
                        + " see nighttrain label --help)",
                "generate m                    | unexpected argument: m (see nighttrain generate --help)",
                "generate --top-k              | missing value: --top-k (a value follows the option; see nighttrain"
                        + " generate --help)",
                "generate --seed 1 --seed 2    | option given twice: --seed (once is allowed; leave one out)",
                "generate --ranks two          | bad value of --ranks: two (a whole number; leave it out for 0)",
                "generate --overwrite=maybe    | bad value of --overwrite: maybe (true or false; leave it out for"
                        + " false)",
                "generate --conf spark.x       | bad value of --conf: spark.x (KEY=VALUE; write for example"
                        + " spark.executor.memory=8g)",
                "generate --model m --input i --output o --conf spark.task.resource.gpu.amount=1 | bad conf"
                        + " spark.task.resource.gpu.amount: 1 (the engine has all GPUs of its executor, and tasks ask for"
                        + " none; leave it out)",
                "generate --model m --input i --output o --conf spark.local.dir=/dev/null/a,/dev/null | no folder for Spark's"
                        + " temporary files: /dev/null/a,/dev/null (not a directory, it is a file; set SPARK_LOCAL_DIRS or"
                        + " spark.local.dir to one that can be written)",
                "generate --model m --input i --output run-06:00 | bad path: run-06:00 (a name with a colon is taken for a URI;"
                        + " write a name of this folder as ./NAME, any other from its root)",
                "generate --output=            | bad value of --output:  (a path; leave it out if you need none)",
                "generate --model=             | bad value of --model:  (a directory; leave it out if you need none)",
                "generate --conf spark.jars=/none/a.jar | no such jar: /none/a.jar (named by spark.jars; check the path)",
                "generate --conf spark.jars.packages=a:b | cannot fetch spark.jars.packages: a:b (requirement failed: Provided"
                        + " Maven Coordinates must be in the form 'groupId:artifactId:version'. The coordinate provided is: a:b;"
                        + " give group:artifact:version of a package in Maven Central or spark.jars.repositories)",
                "generate --conf spark.nighttrain.maxToken=3 | no such setting: spark.nighttrain.maxToken (in Spark's conf; use"
                        + " spark.nighttrain.maxTokens if that is meant)",
                "generate --conf spark.nighttrain.topK=x | bad value of --top-k: x (a whole number; leave it out for"
                        + " 0)",
            })
    void isToldInOneLine(String arguments, String message) {
        Outcome outcome = Outcome.of(arguments == null ? new String[0] : arguments.split(" +"));

        assertThat(outcome.messages()).containsExactly(message);
        assertThat(outcome.exitCode()).isEqualTo(ExitCode.BAD_INPUT);
        assertThat(outcome.out()).isEmpty();
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "--max-tokens 0            | bad value of --max-tokens: 0 (at least 1; ask for fewer rows with --limit"
                        + " instead)",
                "--temperature -1          | bad value of --temperature: -1.0 (0 to 100; use 0 for greedy sampling)",
                "--temperature hot         | bad value of --temperature: hot (a number; leave it out for 0.0)",
                "--temperature NaN         | bad value of --temperature: NaN (a number; leave it out for 0.0)",
                "--top-p 0                 | bad value of --top-p: 0.0 (above 0, at most 1; use 1 to keep every token)",
                "--top-k -1                | bad value of --top-k: -1 (at least 0; use 0 to keep every token)",
                "--min-p 1.5               | bad value of --min-p: 1.5 (0 to 1; use 0 to keep every token)",
                "--repetition-penalty 0    | bad value of --repetition-penalty: 0.0 (above 0, at most 100; use 1 for none)",
                "--logprobs 21             | bad value of --logprobs: 21 (0 to 20; leave it out for none)",
                "--n 0                     | bad value of --n: 0 (1 to 1000; leave it out for 1)",
                "--limit 0                 | bad value of --limit: 0 (at least 1; leave it out for all rows)",
                "--threads 1000000         | bad value of --threads: 1000000 (0 to 4096; leave it out to have it chosen)",
                "--max-num-seqs -1         | bad value of --max-num-seqs: -1 (at least 0; leave it out to have it chosen)",
            })
    void anInvalidSamplingValueIsToldInOneLine(String option, String message) {
        String common = "generate --model m --input i --output " + folder.resolve("out") + " ";

        Outcome outcome = Outcome.of((common + option).split(" "));

        assertThat(outcome.messages()).containsExactly(message);
        assertThat(outcome.exitCode()).isEqualTo(ExitCode.BAD_INPUT);
        assertThat(folder).isEmptyDirectory();
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '¦',
            quoteCharacter = '~',
            value = {
                "label                           ¦ missing option: --labels (labels, of which each row gets the most likely one;"
                        + " give --labels A,B or --labels-file)",
                "label --labels one              ¦ too few labels: one (at least 2; name more, or use --multi to ask for one)",
                "label --labels a,b,a            ¦ label named twice: a (each label once; remove one of them)",
                "label --labels a,,b             ¦ empty label: \"\" (a name and a text that is scored; give it one, or remove it)",
                "label --labels a,b --gold x --multi ¦ not with --multi: --gold (a gold column has one label a row; leave one of"
                        + " the two out)",
                "label --labels a,b --threshold .5 ¦ only with --multi: --threshold (without it the most likely label is taken;"
                        + " use --abstain-below)",
                "label --labels a,b --abstain-below 2 ¦ bad value of --abstain-below: 2.0 (a probability, 0 to 1; leave it out if"
                        + " you need none)",
                "label --labels a,b --review -1  ¦ bad value of --review: -1 (a number of rows; leave it out for none)",
                "generate --choices a,,b         ¦ empty choice: [a, , b] (each has at least one character; leave it out)",
                "generate --json-schema {\"a\":  ¦ JSON schema that is not JSON: {\"a\": (Unexpected end-of-input within/between"
                        + " Object entries; correct it)",
                "generate --json-schema {\"type\":\"integer\",\"minimum\":5,\"maximum\":4} ¦ JSON schema that no value satisfies, at"
                        + " #: type integer (its bounds and multipleOf refuse every number; correct them)",
                "generate --json-schema {\"not\":{}} ¦ unsupported keyword in the JSON schema at #: not (it may constrain the text;"
                        + " leave it out or say it by other keywords)",
                "generate --regex a(?=b)         ¦ unsupported regular expression: a(?=b) (look-ahead at character 2 cannot be"
                        + " matched by an automaton of tokens; use a regular expression without it)",
                "generate --regex (a)\\1         ¦ unsupported regular expression: (a)\\1 (a back reference at character 4 cannot"
                        + " be matched by an automaton of tokens; use a regular expression without it)",
                "generate --regex (a{1000}){1000} ¦ constraint too large: over 262144 states (at most 262144 while it is built;"
                        + " use fewer or shorter repetitions, lengths, properties or choices)",
            })
    void aLabelOrConstraintThatCannotBeIsToldInOneLine(String command, String message) {
        String common = " --model m --input i --output " + folder.resolve("out");

        Outcome outcome = Outcome.of((command + common).split(" +"));

        assertThat(outcome.messages()).containsExactly(message);
        assertThat(outcome.exitCode()).isEqualTo(ExitCode.BAD_INPUT);
        assertThat(folder).isEmptyDirectory();
    }

    @Test
    void aSettingsFileThatIsNotThereIsToldInOneLine() {
        Path file = folder.resolve("night.yaml");

        assertThat(Outcome.of("generate", "--config", file.toString()).messages())
                .containsExactly(
                        "cannot read the settings file: " + file + " (a local text file in UTF-8; check its path)");
    }

    @Test
    void aSettingThatDoesNotExistIsToldInOneLine() throws Exception {
        Path file = Files.writeString(folder.resolve("night.yaml"), "maxTokns: 3\n");

        assertThat(Outcome.of("generate", "--config", file.toString()).messages())
                .containsExactly("no such setting: maxTokns"
                        + " (in the config file; use maxTokens if that is meant, see --help for all)");
    }

    @Test
    void jarsComeTooLateAfterSparkSubmit() {
        System.setProperty("spark.master", "local"); // as under spark-submit
        try {
            assertThat(Outcome.of("generate", "--conf", "spark.jars=a.jar").messages())
                    .containsExactly("conf that comes too late: spark.jars (spark-submit loads jars before this command"
                            + " starts; give it its own --jars or --packages)");
        } finally {
            System.clearProperty("spark.master");
        }
    }

    @Test
    void versionsAreOneLine() {
        Outcome outcome = Outcome.of("--version");

        assertThat(outcome.out())
                .matches("Night Train \\S+, Spark 4\\.\\S+, Java " + System.getProperty("java.version") + "\n");
        assertThat(outcome.exitCode()).isEqualTo(ExitCode.FINISHED);
    }
}
