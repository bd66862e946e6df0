package nighttrain.jobs;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import nighttrain.io.text.Tokenizer;
import nighttrain.jobs.cli.ExitCode;
import org.apache.parquet.hadoop.example.ExampleParquetWriter;
import org.apache.parquet.schema.MessageType;
import org.apache.parquet.schema.MessageTypeParser;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Runs {@code plan} on the demo's prompts for hardware that is present and hardware that is not, and checks its counts independently. */
@Timeout(300)
class PlanIT {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final int ROWS = 500;

    @TempDir
    static Path folder;

    private static Path model;
    private static long promptTokens;

    @BeforeAll
    static void makeModel() throws IOException {
        model = TinyModel.in(folder.resolve("model"));
        promptTokens = promptTokens();
    }

    /** Results count when summary.json is there. */
    @Test
    void anUnfinishedRunHasNoLengths() throws Exception {
        Path run = Files.createDirectories(folder.resolve("run"));
        Files.createDirectory(run.resolve("results"));
        Files.copy(Project.DEMO_PROMPTS, run.resolve("results/part-0.parquet"));
        Outcome outcome = plan("--hardware", "h100", "--sample", "2", "--from-run", run.toString());

        assertThat(outcome.messages())
                .containsExactly(
                        "cannot read a run: " + run + " (the output of a finished job is needed; check --from-run)");
        assertThat(outcome.exitCode()).isEqualTo(ExitCode.BAD_INPUT);
    }

    @Test
    void aScratchFolderThatIsNoPath() {
        assertThat(plan("--hardware", "h100", "--sample", "2", "--scratch", "run-06:00")
                        .messages())
                .containsExactly(
                        "bad path: run-06:00 (a name with a colon is taken for a URI; write a name of this folder as"
                                + " ./NAME, any other from its root)");
    }

    /** {@code plan} accepts the options of {@code generate} and writes nothing. */
    @Test
    void theJobsOwnCommandAndFile() throws Exception {
        Path config = Files.writeString(
                folder.resolve("job.yaml"), "maxTokens: 16\nkeepColumns: [category]\noutputTable: lake.db.labels\n");
        Path output = folder.resolve("out");
        Outcome outcome = plan(
                "--hardware",
                "h100",
                "--config",
                config.toString(),
                "--output",
                output.toString(),
                "--deadline",
                "06:00",
                "--sample",
                "500");

        assertThat(outcome.messages()).isEmpty();
        assertThat(outcome.out()).contains("500 rows: 44,667 prompt and 8,000 output tokens");
        assertThat(output).doesNotExist();
    }

    @Test
    void onAThousandNodesThatAreNotHere() throws Exception {
        Path file = folder.resolve("plan.json");
        Outcome outcome = plan(
                "--hardware",
                "h100",
                "--gpus-per-node",
                "8",
                "--nodes",
                "1000",
                "--prices",
                prices(),
                "--max-tokens",
                "16",
                "--sample",
                "500",
                "--max-num-seqs",
                "64",
                "--json",
                file.toString());

        assertThat(outcome.messages()).isEmpty();
        JsonNode json = JSON.readTree(file.toFile());
        assertThat(json.get("rows").asLong()).isEqualTo(ROWS);
        assertThat(json.get("prompt_tokens").asLong()).isEqualTo(promptTokens);
        assertThat(json.get("output_tokens").asLong()).isEqualTo(16L * ROWS);
        assertThat(json.get("usd").asDouble())
                .isCloseTo(2.5 * json.get("gpu_hours").asDouble(), within(1e-9));
        assertThat(json.get("gpu_hours").asDouble())
                .isCloseTo(8000 * json.get("wall_s").asDouble() / 3600, within(1e-9));
        assertThat(json.get("options").findValuesAsText("layout"))
                .containsExactlyInAnyOrder("8x1", "4x2", "2x4", "1x8");
        assertThat(json.at("/options/0/layout").asText()).isEqualTo("8x1");
        assertThat(json.at("/options/0/why").asText()).contains("no all-reduces");
        assertThat(json.at("/simulation/tasks").asInt()).isEqualTo(ROWS);
        assertThat(outcome.out())
                .contains("500 rows: 44,667 prompt and 8,000 output tokens")
                .contains("on        1,000 nodes, each 8 x NVIDIA H100");
    }

    @Test
    void hereAfterATrial() throws Exception {
        Path file = folder.resolve("plan.json");
        List<String> options = new ArrayList<>(TinyModel.OPTIONS);
        options.addAll(List.of(
                "--backend",
                "cpu",
                "--max-tokens",
                "8",
                "--sample",
                "60",
                "--max-num-seqs",
                "32",
                "--json",
                file.toString()));
        Outcome outcome = plan(options.toArray(String[]::new));

        assertThat(outcome.messages()).isEmpty();
        JsonNode json = JSON.readTree(file.toFile());
        assertThat(json.get("output_tokens").asLong()).isEqualTo(8L * ROWS);
        assertThat((double) json.get("prompt_tokens").asLong() / promptTokens).isCloseTo(1, within(0.1));
        assertThat(json.at("/calibration/measured").asBoolean()).isTrue();
        assertThat(json.at("/calibration/pace").asDouble()).isPositive();
        assertThat(json.get("wall_s").asDouble())
                .isGreaterThan(json.get("generating_s").asDouble());
        assertThat(json.get("layout").asText()).isEqualTo("1x1");
        assertThat(json.at("/sample/rows").asInt()).isEqualTo(60);
    }

    @Test
    void labelsAreScored() throws Exception {
        Path file = folder.resolve("labels.json");
        List<String> options = new ArrayList<>(List.of(
                "--labels",
                "account is closed,delivery is late,urgent",
                "--prompt",
                "{prompt}",
                "--json",
                file.toString()));
        List<String> profile = new ArrayList<>(options);
        profile.addAll(List.of("--hardware", "h100", "--nodes", "3", "--sample", "500"));
        Outcome forecast = plan(profile.toArray(String[]::new));
        assertThat(forecast.messages()).isEmpty();
        JsonNode json = JSON.readTree(file.toFile());
        assertThat(json.get("prompt_tokens").asLong()).isEqualTo(promptTokens);
        assertThat(json.get("output_tokens").asLong()).isZero();
        int requests = json.at("/sample/requests_per_row").asInt();
        assertThat(requests).isGreaterThan(1);
        assertThat(json.at("/options/0/batch").asText())
                .as("lengths expected are those of scores")
                .endsWith("sequences of 91 tokens");
        assertThat(forecast.out())
                .contains("500 rows: 44,667 prompt tokens (89.3 a row, of 500 sampled)")
                .contains("of " + requests + " requests a row; no outputs")
                .contains("rows/s")
                .contains("of prompts, while scoring");
        assertThat(json.at("/simulation/seconds").asDouble()).isPositive();

        options.addAll(List.of("--load-format", "dummy", "--backend", "cpu", "--sample", "30"));
        Outcome tried = plan(options.toArray(String[]::new));
        assertThat(tried.messages()).isEmpty();
        json = JSON.readTree(file.toFile());
        assertThat(json.get("output_tokens").asLong()).isZero();
        assertThat(json.at("/sample/requests_per_row").asInt()).isEqualTo(requests);
        assertThat(json.get("generating_s").asDouble()).isPositive();
    }

    @Test
    void hardwareThatNobodyKnows() {
        assertRefused(
                plan("--hardware", "b300"),
                "unknown hardware: b300 (there are h100, h200; choose one, or give a file like those of conf/hardware)");
    }

    @Test
    void noPrice() throws Exception {
        Path file = Files.writeString(folder.resolve("prices.yaml"), "h200: 3.5\n");
        assertRefused(
                plan("--hardware", "h100", "--prices", file.toString()),
                "no price: h100 (USD per hour is needed, and " + file + " has h200; add h100)");
    }

    @Test
    void noRows() throws IOException {
        Path empty = folder.resolve("empty.parquet");
        MessageType prompts = MessageTypeParser.parseMessageType("message rows { required binary prompt (STRING); }");
        ExampleParquetWriter.builder(new org.apache.hadoop.fs.Path(empty.toUri()))
                .withType(prompts)
                .build()
                .close();
        assertRefused(
                Outcome.of("plan", "--model", model.toString(), "--input", empty.toString(), "--hardware", "h100"),
                "input has no rows: " + empty + " (at least 1 is needed; check --input)");
    }

    @Test
    void aClusterNeedsAFolderThatItReaches() {
        assertRefused(
                plan("--master", "spark://127.0.0.1:1", "--conf", "spark.executor.extraClassPath=x"),
                "missing option: --scratch (executors of a cluster keep the trial's rows in it; give a folder that they"
                        + " reach)");
    }

    private static void assertRefused(Outcome outcome, String message) {
        assertThat(outcome.messages()).containsExactly(message);
        assertThat(outcome.exitCode()).isEqualTo(ExitCode.BAD_INPUT);
        assertThat(outcome.out()).isEmpty();
    }

    private Outcome plan(String... options) {
        List<String> all = new ArrayList<>(
                List.of("plan", "--model", model.toString(), "--input", Project.DEMO_PROMPTS.toString()));
        BriefRun.SPARK_CONF.forEach((key, value) -> all.addAll(List.of("--conf", key + "=" + value)));
        all.addAll(List.of(options));
        return Outcome.of(all.toArray(String[]::new));
    }

    private static String prices() {
        return Project.CONF.resolve("prices.yaml").toString();
    }

    private static long promptTokens() throws IOException {
        try (Tokenizer tokenizer = Tokenizer.open(Project.DEMO_MODEL)) {
            return Lines.of(Project.DEMO_PROMPTS).stream()
                    .mapToLong(line -> tokenizer.encode(line.text("prompt"), true).length)
                    .sum();
        }
    }
}
