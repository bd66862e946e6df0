package nighttrain.jobs;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Inputs and outputs that cannot be used, through the command line: one line, exit code 2, nothing written. */
class BadInputTest {
    @TempDir
    Path folder;

    @Test
    void missingInput() {
        assertRefused(folder.resolve("none.parquet"), "MESSAGE");
    }

    @Test
    void noSuchColumn() {
        assertRefused(Project.DEMO_PROMPTS, "MESSAGE", "--prompt-column", "ticket");
    }

    @Test
    void noSuchColumnInATemplate() {
        assertRefused(Project.DEMO_PROMPTS, "MESSAGE", "--prompt", "Sort this: {ticket}");
    }

    @Test
    void wrongColumnType() {
        assertRefused(table("select 7 as prompt"), "MESSAGE");
    }

    @Test
    void wrongTypeOfMessages() {
        assertRefused(Project.DEMO_PROMPTS, "MESSAGE", "--messages-column", "prompt");
    }

    @Test
    void emptyTable() {
        assertRefused(table("select 'x' as prompt where false"), "MESSAGE");
    }

    @Test
    void notParquet() throws Exception {
        assertRefused(Files.writeString(folder.resolve("prompts.parquet"), "id,prompt\n1,Hi\n"), "MESSAGE");
    }

    @Test
    void unknownFormat() {
        assertRefused(Project.DEMO_PROMPTS, "MESSAGE", "--format", "papyrus");
    }

    @Test
    void outputThatIsNotOurs() throws Exception {
        Path output = Files.createDirectory(folder.resolve("out"));
        Files.writeString(output.resolve("thesis.tex"), "");

        assertMessage(Project.DEMO_PROMPTS, output, "MESSAGE");
        assertThat(output).isDirectoryNotContaining("glob:**/_*");
    }

    @Test
    void outputOfAnotherJob() {
        Path output = folder.resolve("out");
        String[] small = {"--limit", "2", "--max-tokens", "2"};
        assertThat(Outcome.of(Demo.command(Project.DEMO_MODEL, Project.DEMO_PROMPTS, output, small)).exitCode())
                .isEqualTo(ExitCode.FINISHED);

        assertMessage(Project.DEMO_PROMPTS, output, "MESSAGE", "--limit", "2", "--max-tokens", "3");
        assertThat(Results.ids(output)).hasSize(2);
    }

    private void assertRefused(Path input, String message, String... options) {
        Path output = folder.resolve("out");
        assertMessage(input, output, message, options);
        assertThat(output).doesNotExist();
    }

    private static void assertMessage(Path input, Path output, String message, String... options) {
        Outcome outcome = Outcome.of(Demo.command(Project.DEMO_MODEL, input, output, options));

        assertThat(outcome.messages())
                .containsExactly(message.replace("INPUT", input.toString()).replace("OUTPUT", output.toString()));
        assertThat(outcome.exitCode()).isEqualTo(ExitCode.BAD_INPUT);
        assertThat(outcome.out()).isEmpty();
    }

    private Path table(String query) {
        return Results.write(folder.resolve("prompts"), query);
    }
}
