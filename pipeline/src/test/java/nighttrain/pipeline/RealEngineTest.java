package nighttrain.pipeline;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import nighttrain.io.UserError;
import nighttrain.pipeline.monitor.ProgressListener;
import nighttrain.pipeline.settings.GenerateOptions;
import nighttrain.pipeline.settings.SettingValues;
import nighttrain.pipeline.settings.Settings;
import nighttrain.pipeline.settings.Settings.LoadFormat;
import nighttrain.pipeline.testing.TestSpark;
import nighttrain.pipeline.testing.TinyModel;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Runs the demo's architecture with tiny weights on the real engine, in a Spark configured as users' are. */
class RealEngineTest {
    private static final Path DEMO = Path.of(System.getProperty("nighttrain.root"), "conf", "demo");
    private static final long ROWS = 12;

    private final SparkSession spark = TestSpark.compiling();

    @TempDir
    private Path dir;

    private SettingValues values;

    @BeforeEach
    void settings() {
        values = SettingValues.none()
                .with(
                        Settings.MODEL,
                        TinyModel.like(DEMO.resolve("model"), dir.resolve("model"))
                                .toString())
                .with(Settings.LOAD_FORMAT, LoadFormat.DUMMY)
                .with(Settings.IGNORE_EOS, true)
                .with(Settings.INPUT_PATH, DEMO.resolve("prompts.parquet").toString())
                .with(Settings.LIMIT, ROWS)
                .with(Settings.MAX_TOKENS, 8)
                .with(Settings.THREADS, 2);
    }

    @Test
    void theSameTextWhateverTheLayout() {
        List<Row> one = run("one", values);
        List<Row> two = run("two", values.with(Settings.RANKS, 2).with(Settings.MAX_NUM_SEQS, 3));
        assertThat(one).hasSize((int) ROWS).allMatch(row -> row.<String>getAs("error") == null);
        assertThat(one).extracting(row -> row.<String>getAs("text")).allMatch(text -> !text.isBlank());
        assertThat(texts(two)).isEqualTo(texts(one));
        assertThat(one).allMatch(row -> row.<Double>getAs("e2e_ms") >= row.<Double>getAs("ttft_ms"));
    }

    @Test
    void theSameDrawsFromAnyPartitioning() {
        SettingValues sampled = values.with(Settings.TEMPERATURE, 5.0).with(Settings.SAMPLES, 2);
        List<Row> fromFile = run("file", sampled);
        assertThat(fromFile).hasSize(2 * (int) ROWS);
        assertThat(texts(fromFile)).as("samples differ").doesNotHaveDuplicates();
        Dataset<Row> few =
                spark.read().parquet(DEMO.resolve("prompts.parquet").toString()).limit((int) ROWS);
        List<String> apart = texts(NightTrain.generate(few.repartition(5), options("a", withIds(sampled)))
                .orderBy("id", "sample")
                .collectAsList());
        List<String> together = texts(NightTrain.generate(few.coalesce(1), options("b", withIds(sampled)))
                .orderBy("id", "sample")
                .collectAsList());
        assertThat(apart).isEqualTo(together);
    }

    @Test
    void promptsAreScoredTokenByToken() {
        for (Row row : run("scored", values.with(Settings.PROMPT_LOGPROBS, true))) {
            List<Row> scores = row.getList(row.fieldIndex("prompt_logprobs"));
            double sum = scores.stream()
                    .mapToDouble(score -> score.<Float>getAs("logprob"))
                    .sum();
            assertThat(scores).hasSize(row.<Integer>getAs("prompt_tokens") - 1);
            assertThat(row.<Double>getAs("prompt_logprob")).isNegative().isCloseTo(sum, within(1e-3));
        }
    }

    /** Lines of one batch that ask for 0, 3 and 20 candidates, or for none, run side by side; each gets as many as it asks for. */
    @Test
    void linesOfABatchMayAskForDifferentCandidates() throws IOException {
        String chat = "\"messages\": [{\"role\": \"user\", \"content\": \"A parcel is late\"}]";
        String text = "\"prompt\": \"A parcel is late\"";
        Path batch = Files.write(
                dir.resolve("batch.jsonl"),
                List.of(
                        line("c20", "/v1/chat/completions", chat + ", \"logprobs\": true, \"top_logprobs\": 20"),
                        line("c0", "/v1/chat/completions", chat + ", \"logprobs\": true, \"top_logprobs\": 0"),
                        line("none", "/v1/chat/completions", chat),
                        line("c3", "/v1/chat/completions", chat + ", \"logprobs\": true, \"top_logprobs\": 3"),
                        line("t0", "/v1/completions", text + ", \"logprobs\": 0"),
                        line("t3", "/v1/completions", text + ", \"logprobs\": 3")));
        Path template = Files.writeString(dir.resolve("chat.jinja"), "{{ messages[0].content }}");

        run(
                "batch",
                values.with(Settings.INPUT_PATH, batch.toString())
                        .with(Settings.FORMAT, "openai-batch")
                        .with(Settings.CHAT_TEMPLATE, template.toString()));

        Map<String, JsonNode> choices = choices(dir.resolve("batch/responses"));
        assertThat(choices.keySet()).containsExactly("c20", "c0", "none", "c3", "t0", "t3");
        assertThat(choices.get("none").get("logprobs").isNull()).isTrue();
        List<JsonNode> wide = tokens(choices.get("c20"));
        assertThat(wide).hasSize(8);
        for (int i = 0; i < wide.size(); i++) {
            List<JsonNode> top = list(wide.get(i).get("top_logprobs"));
            List<Double> logprobs =
                    top.stream().map(one -> one.get("logprob").asDouble()).toList();
            assertThat(logprobs).hasSize(20).isSortedAccordingTo(Comparator.reverseOrder());
            assertThat(logprobs.stream().mapToDouble(Math::exp).sum()).isBetween(20.0 / 1536, 1.0);
            assertThat(top.get(0).get("token"))
                    .as("greedy")
                    .isEqualTo(wide.get(i).get("token"));
            assertThat(logprobs.get(0)).isEqualTo(wide.get(i).get("logprob").asDouble());

            JsonNode narrow = tokens(choices.get("c3")).get(i);
            assertThat(list(narrow.get("top_logprobs"))).isEqualTo(top.subList(0, 3));
            JsonNode bare = tokens(choices.get("c0")).get(i);
            assertThat(bare.get("top_logprobs")).isEmpty();
            for (JsonNode other : List.of(narrow, bare)) {
                assertThat(other.get("token")).isEqualTo(wide.get(i).get("token"));
                assertThat(other.get("logprob")).isEqualTo(wide.get(i).get("logprob"));
            }
            assertThat(logprob("t0", choices, i)).isEqualTo(wide.get(i).get("logprob"));
            assertThat(logprob("t3", choices, i)).isEqualTo(wide.get(i).get("logprob"));
            assertThat(choices.get("t0").at("/logprobs/top_logprobs").get(i))
                    .as("the chosen one")
                    .hasSize(1);
            assertThat(list(choices.get("t3").at("/logprobs/top_logprobs").get(i)))
                    .as("tokens of one text count once")
                    .isNotEmpty()
                    .isSubsetOf(top.subList(0, 3).stream()
                            .map(one -> one.get("logprob"))
                            .toList());
        }
    }

    private static String line(String id, String url, String body) {
        return "{\"custom_id\": \"%s\", \"method\": \"POST\", \"url\": \"%s\", \"body\": {%s}}"
                .formatted(id, url, body);
    }

    private static Map<String, JsonNode> choices(Path responses) throws IOException {
        Map<String, JsonNode> choices = new LinkedHashMap<>();
        try (Stream<Path> parts = Files.list(responses)) {
            for (Path part : parts.filter(file -> file.getFileName().toString().startsWith("part-"))
                    .sorted()
                    .toList()) {
                for (String line : Files.readAllLines(part)) {
                    JsonNode answer = new ObjectMapper().readTree(line);
                    choices.put(answer.get("custom_id").asText(), answer.at("/response/body/choices/0"));
                }
            }
        }
        return choices;
    }

    private static List<JsonNode> tokens(JsonNode choice) {
        return list(choice.at("/logprobs/content"));
    }

    private static JsonNode logprob(String id, Map<String, JsonNode> choices, int token) {
        return choices.get(id).at("/logprobs/token_logprobs").get(token);
    }

    private static List<JsonNode> list(JsonNode array) {
        List<JsonNode> list = new ArrayList<>();
        array.forEach(list::add);
        return list;
    }

    @Test
    void ranksThatDoNotDivideTheTracksAreRefused() {
        assertThatThrownBy(() -> run("three", values.with(Settings.RANKS, 3)))
                .isInstanceOf(UserError.class)
                .hasMessageContaining("3");
        assertThat(dir.resolve("three")).doesNotExist();
    }

    /** Takes ids from a column, since default ids of a Dataset's rows come from their order. */
    private static SettingValues withIds(SettingValues values) {
        return values.with(Settings.ID_COLUMN, "id");
    }

    private List<Row> run(String name, SettingValues set) {
        new GenerateJob().run(spark, options(name, set), ProgressListener.SILENT);
        return spark.read()
                .parquet(dir.resolve(name).resolve("results").toString())
                .collectAsList();
    }

    private GenerateOptions options(String name, SettingValues set) {
        return GenerateOptions.of(
                set.with(Settings.OUTPUT_PATH, dir.resolve(name).toString()));
    }

    private static List<String> texts(List<Row> rows) {
        return rows.stream().map(row -> row.<String>getAs("text")).toList();
    }
}
