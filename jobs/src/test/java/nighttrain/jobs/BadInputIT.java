package nighttrain.jobs;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import nighttrain.jobs.cli.ExitCode;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Unusable inputs and outputs end the command with one line and exit code 2, and nothing is written. */
class BadInputIT {
    @TempDir
    Path folder;

    private Path model;

    @BeforeEach
    void aModel() throws IOException {
        model = TinyModel.in(folder.resolve("model"));
    }

    @Test
    void missingInput() {
        assertRefused(
                folder.resolve("none.parquet"), "input not found: INPUT (no such file or directory; check --input)");
    }

    @Test
    void noSuchColumn() {
        assertRefused(
                Project.DEMO_PROMPTS,
                "no such column: ticket (named by --prompt-column; the input's columns are id, prompt, expected, category; check the name)",
                "--prompt-column",
                "ticket");
    }

    @Test
    void noSuchColumnInATemplate() {
        assertRefused(
                Project.DEMO_PROMPTS,
                "no such column: ticket (named by --prompt; the input's columns are id, prompt, expected, category; check the name)",
                "--prompt",
                "Sort this: {ticket}");
    }

    @Test
    void aConstraintBesideEndsThatAreIgnored() {
        assertRefused(
                Project.DEMO_PROMPTS,
                "--ignore-eos does not go with the constraint: true (a constrained output ends where the constraint does; leave it out)",
                "--json-schema",
                "{\"type\":\"object\"}");
    }

    @Test
    void wrongColumnType() {
        assertRefused(
                table("select 7 as prompt"),
                "wrong column type: prompt is int (a prompt is text; use --prompt \"{prompt}\" to write it as text, or --messages-column for conversations)");
    }

    @Test
    void wrongTypeOfMessages() {
        assertRefused(
                table("select 7 as chat"),
                "wrong column type: chat is int (a conversation is a list of {role, content} or the same as JSON text; use --prompt-column for text)",
                "--messages-column",
                "chat");
    }

    /** An empty input is not an error: the job ends with a table without rows. */
    @Test
    void emptyTable() {
        Path output = folder.resolve("out");
        Outcome outcome = generate(table("select 'x' as prompt where false"), output);

        assertThat(outcome.exitCode()).as(outcome.toString()).isEqualTo(ExitCode.FINISHED);
        assertThat(Results.ids(output)).isEmpty();
        assertThat(output.resolve("summary.json")).content().contains("\"rows\" : 0");
    }

    @Test
    void notParquet() throws Exception {
        assertRefused(
                Files.writeString(folder.resolve("prompts.parquet"), "id,prompt\n1,Hi\n"),
                "cannot read Parquet file: prompts.parquet (file:INPUT is not a Parquet file. Expected magic number at tail, but found [44, 72, 105, 10]; write it again or remove it, choose among the files by --format-option pathGlobFilter=*.parquet, or give --format NAME if it is not Parquet)");
    }

    @Test
    void unknownFormat() {
        assertRefused(
                Project.DEMO_PROMPTS,
                "unknown format: papyrus (Spark has no source of that name; use parquet, csv, jsonl, orc, text or openai-batch, or add the source's jar by --conf spark.jars)",
                "--format",
                "papyrus");
    }

    @Test
    void outputThatIsNotOurs() throws Exception {
        Path output = Files.createDirectory(folder.resolve("out"));
        Files.writeString(output.resolve("thesis.tex"), "");

        assertMessage(
                Project.DEMO_PROMPTS,
                output,
                "output directory is not empty: file:OUTPUT (it has thesis.tex, which Night Train did not write; choose another --output)");
        assertThat(output).isDirectoryNotContaining("glob:**/_*");
    }

    @Test
    void outputOfAnotherJob() {
        Path output = folder.resolve("out");
        Outcome first = generate(Project.DEMO_PROMPTS, output, "--limit", "2", "--max-tokens", "2");
        assertThat(first.exitCode()).as(first.toString()).isEqualTo(ExitCode.FINISHED);

        assertMessage(
                Project.DEMO_PROMPTS,
                output,
                "output belongs to another job: file:OUTPUT (changed: max-tokens 2 -> 3; set these back to go on with it, use --overwrite to delete it and start anew, or choose another --output)",
                "--limit",
                "2",
                "--max-tokens",
                "3");
        assertThat(Results.ids(output)).hasSize(2);
    }

    private void assertRefused(Path input, String message, String... options) {
        Path output = folder.resolve("out");
        assertMessage(input, output, message, options);
        assertThat(output).doesNotExist();
    }

    private void assertMessage(Path input, Path output, String message, String... options) {
        Outcome outcome = generate(input, output, options);

        assertThat(outcome.messages())
                .containsExactly(message.replace("INPUT", input.toString()).replace("OUTPUT", output.toString()));
        assertThat(outcome.exitCode()).isEqualTo(ExitCode.BAD_INPUT);
        assertThat(outcome.out()).isEmpty();
    }

    private Outcome generate(Path input, Path output, String... options) {
        List<String> all = new ArrayList<>(TinyModel.OPTIONS);
        all.addAll(List.of(options));
        return Outcome.of(Demo.command(model, input, output, all.toArray(String[]::new)));
    }

    private Path table(String query) {
        return Results.write(folder.resolve("prompts"), query);
    }
}
