package nighttrain.jobs;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import nighttrain.jobs.cli.ExitCode;
import org.apache.spark.sql.Row;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Runs {@code label} as in the README, on some of the demo's rows with a model of random weights, and tests what it refuses. */
@Timeout(300)
class LabelIT {
    private static final int ROWS = 40;

    @TempDir
    Path folder;

    private Path model;
    private Path output;

    @BeforeEach
    void aModel() throws IOException {
        model = TinyModel.in(folder.resolve("model"));
        output = folder.resolve("out");
    }

    @Test
    void labelsWithProbabilitiesBesideTheRightOnes() throws IOException {
        Path examples = folder.resolve("examples.jsonl");
        Files.writeString(examples, """
                {"prompt": "Ticket: I was charged twice for my order of last week, please look into it.\\nAnswer:", "label": "billing"}
                {"prompt": "Ticket: The parcel has not arrived, and nobody knows where it is.\\nAnswer:", "label": "delivery"}
                """);
        Outcome outcome = label(
                "--examples",
                examples.toString(),
                "--labels-file",
                Project.CONF.resolve("demo/labels.jsonl").toString(),
                "--gold",
                "category",
                "--review",
                "5");
        assertThat(outcome.exitCode()).isEqualTo(ExitCode.FINISHED);
        assertThat(outcome.out()).startsWith(ROWS + " rows, 0 errors in ");
        JsonNode summary =
                new ObjectMapper().readTree(output.resolve("summary.json").toFile());
        assertThat(summary.at("/labels/prefix_cache_hit_rate").asDouble())
                .as("the examples' share of the prompts")
                .isBetween(0.2, 0.8);
        JsonNode gold = summary.at("/labels/gold");
        assertThat(gold.get("rows").asInt()).isEqualTo(ROWS);
        assertThat(gold.get("rows_with_unknown_gold").asInt()).isZero();
        assertThat(gold.get("labels")).hasSize(9);
        assertThat(summary.get("output_tokens").asInt()).isZero();
        List<Row> rows = Results.rows(output, "label", "category", "confidence", "label_error");
        assertThat(rows).hasSize(ROWS);
        assertThat(rows.stream().filter(row -> row.getString(0).equals(row.getString(1))))
                .hasSize((int) Math.round(ROWS * gold.get("accuracy").asDouble()));
        assertThat(rows).allSatisfy(row -> {
            assertThat(row.getDouble(2)).isBetween(1 / 9.0, 1.0);
            assertThat(row.isNullAt(3)).isTrue();
        });
        assertThat(output.resolve("review")).isDirectory();
        assertThat(Files.readString(output.resolve("report.html"))).contains("Labels and gold");
    }

    @Test
    void noSuchGoldColumn() {
        assertRefused(
                "no such column: right (named by --gold; the input's columns are id, prompt, expected, category; check the name)",
                "--labels",
                "billing,bug",
                "--gold",
                "right");
    }

    @Test
    void labelsThatTheModelCannotTellApart() throws IOException {
        Path labels = Files.writeString(
                folder.resolve("labels.jsonl"),
                "{\"name\": \"a\", \"text\": \" bug\"}\n{\"name\": \"b\", \"text\": \" bug\"}\n");
        assertRefused(
                "labels with equal tokens: a and b (the model cannot tell them apart; give one of them another text)",
                "--labels-file",
                labels.toString());
    }

    /** The demo's " category" is one token. */
    @Test
    void aLabelWhoseTextJoinsThePrompt() throws IOException {
        Path labels = Files.writeString(
                folder.resolve("labels.jsonl"),
                "{\"name\": \"a\", \"text\": \" x\"}\n{\"name\": \"b\", \"text\": \"ory\"}\n");
        assertRefused(
                "label does not follow the prompt: \"ory\" (its first token joins the end of the prompt; use a prompt that ends"
                        + " without a space, or another text)",
                "--labels-file",
                labels.toString(),
                "--prompt",
                "{prompt} categ");
    }

    @Test
    void aTemplateThatTakesNoPromptForLabels() throws IOException {
        Path template = Files.writeString(folder.resolve("template.jinja"), "{{ raise_exception('no tickets') }}");
        assertRefused(
                "cannot make a prompt for labels: chat template refuses the messages: no tickets (with the text N/A; check --prompt and --chat-template)",
                "--labels",
                "billing,bug",
                "--system",
                "Be brief.",
                "--chat-template",
                template.toString());
    }

    private void assertRefused(String message, String... options) {
        Outcome outcome = label(options);
        assertThat(outcome.messages()).containsExactly(message);
        assertThat(outcome.exitCode()).isEqualTo(ExitCode.BAD_INPUT);
        assertThat(output).doesNotExist();
    }

    private Outcome label(String... options) {
        List<String> all = new ArrayList<>(List.of("--load-format", "dummy", "--limit", String.valueOf(ROWS)));
        all.addAll(List.of(options));
        if (!all.contains("--prompt")) {
            all.addAll(List.of("--prompt", "{prompt}"));
        }
        String[] command = Demo.command(model, Project.DEMO_PROMPTS, output, all.toArray(String[]::new));
        command[0] = "label";
        return Outcome.of(command);
    }
}
