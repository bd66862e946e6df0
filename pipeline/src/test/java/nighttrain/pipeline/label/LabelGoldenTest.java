package nighttrain.pipeline.label;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import java.util.stream.StreamSupport;
import nighttrain.pipeline.GenerateJob;
import nighttrain.pipeline.monitor.ProgressListener;
import nighttrain.pipeline.settings.GenerateOptions;
import nighttrain.pipeline.settings.SettingValues;
import nighttrain.pipeline.settings.Settings;
import nighttrain.pipeline.testing.TestSpark;
import org.apache.spark.sql.Encoders;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Compares whole label jobs on the real engine with what transformers computes label by label ({@code notebooks/label_golden.py}). */
@Timeout(180)
class LabelGoldenTest {
    private static final Path ROOT = Path.of(System.getProperty("nighttrain.root"));
    private static final Path GOLDEN = ROOT.resolve("pipeline/src/test/resources/label-golden");
    private static final Path DEMO = ROOT.resolve("conf/demo/model");
    private static final double MOST_DIFFERENCE = 1e-5;
    private static final ObjectMapper JSON = new ObjectMapper();

    private final SparkSession spark = TestSpark.session();

    @TempDir
    private Path dir;

    private JsonNode golden;
    private SettingValues values;

    @BeforeEach
    void model() throws IOException {
        Path model = Files.createDirectory(dir.resolve("model"));
        for (String name : List.of("config.json", "model.safetensors")) {
            Files.copy(GOLDEN.resolve(name), model.resolve(name));
        }
        for (String name : List.of("tokenizer.json", "tokenizer_config.json")) {
            Files.copy(DEMO.resolve(name), model.resolve(name));
        }
        golden = JSON.readTree(GOLDEN.resolve("golden.json").toFile());
        values = SettingValues.none()
                .with(Settings.MODEL, model.toString())
                .with(Settings.PROMPT_TEXT, "{prompt}")
                .with(Settings.THREADS, 2);
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 4})
    void probabilitiesAreThoseOfTransformers(int ranks) throws IOException {
        List<String> prompts = texts(golden.get("prompts"));
        for (JsonNode set : golden.get("sets")) {
            String name = set.get("name").asText() + " on " + ranks;
            List<Row> rows = label(name, prompts, texts(set.get("labels")), values.with(Settings.RANKS, ranks));
            for (int i = 0; i < prompts.size(); i++) {
                double[] found = probabilities(rows.get(i));
                double[] expected = numbers(set.get("probabilities").get(i));
                for (int label = 0; label < expected.length; label++) {
                    assertThat(found[label]).as(name).isCloseTo(expected[label], within(MOST_DIFFERENCE));
                    // Small probabilities are compared too, since long labels are improbable.
                    assertThat(Math.log(found[label])).as(name).isCloseTo(Math.log(expected[label]), within(1e-4));
                }
            }
        }
    }

    @Test
    void aloneAndAmongOthersTheyAreTheSame() throws IOException {
        List<String> labels = texts(golden.get("sets").get(3).get("labels"));
        List<String> prompts = IntStream.range(0, 256)
                .mapToObj(
                        i -> "Ticket: my order " + 7919 * i + " is late, " + "really ".repeat(i % 9) + "late.\nAnswer:")
                .toList();
        List<Row> together = label("together", prompts, labels, values.with(Settings.MAX_NUM_SEQS, 256));
        for (int row : List.of(0, 100, 255)) {
            List<Row> alone =
                    label("alone " + row, List.of(prompts.get(row)), labels, values.with(Settings.MAX_NUM_SEQS, 256));
            assertThat(probabilities(alone.get(0))).isEqualTo(probabilities(together.get(row)));
        }
    }

    private List<Row> label(String name, List<String> prompts, List<String> labels, SettingValues values)
            throws IOException {
        Path input = dir.resolve("input " + prompts.hashCode());
        if (!Files.exists(input)) {
            List<Row> rows = IntStream.range(0, prompts.size())
                    .mapToObj(i -> RowFactory.create(i, prompts.get(i)))
                    .toList();
            StructType columns =
                    new StructType().add("key", DataTypes.IntegerType).add("prompt", DataTypes.StringType);
            spark.createDataset(rows, Encoders.row(columns)).coalesce(1).write().parquet(input.toString());
        }
        Path file = dir.resolve(name + ".jsonl");
        List<String> lines = new ArrayList<>();
        for (int i = 0; i < labels.size(); i++) {
            lines.add(JSON.createObjectNode()
                    .put("name", "label " + i)
                    .put("text", labels.get(i))
                    .toString());
        }
        Files.write(file, lines);
        String output = dir.resolve(name + " output").toString();
        new GenerateJob()
                .run(
                        spark,
                        GenerateOptions.of(values.with(Settings.INPUT_PATH, input.toString())
                                .with(Settings.OUTPUT_PATH, output)
                                .with(Settings.LABELS_FILE, file.toString())),
                        ProgressListener.SILENT);
        return spark.read().parquet(output + "/results").collectAsList();
    }

    private static double[] probabilities(Row row) {
        assertThat(row.<String>getAs("error_message")).isNull();
        Map<String, Double> found = row.getJavaMap(row.fieldIndex("probabilities"));
        return IntStream.range(0, found.size())
                .mapToDouble(i -> found.get("label " + i))
                .toArray();
    }

    private static List<String> texts(JsonNode list) {
        return StreamSupport.stream(list.spliterator(), false)
                .map(JsonNode::asText)
                .toList();
    }

    private static double[] numbers(JsonNode list) {
        return StreamSupport.stream(list.spliterator(), false)
                .mapToDouble(JsonNode::asDouble)
                .toArray();
    }
}
