package nighttrain.pipeline;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.networknt.schema.InputFormat;
import com.networknt.schema.Schema;
import com.networknt.schema.SchemaRegistry;
import com.networknt.schema.SpecificationVersion;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import nighttrain.io.UserError;
import nighttrain.io.constraint.Constraint;
import nighttrain.io.constraint.Constraints;
import nighttrain.io.constraint.TokenAutomaton;
import nighttrain.io.text.Tokenizer;
import nighttrain.pipeline.monitor.ProgressListener;
import nighttrain.pipeline.settings.GenerateOptions;
import nighttrain.pipeline.settings.MaxRowErrors;
import nighttrain.pipeline.settings.SettingValues;
import nighttrain.pipeline.settings.Settings;
import nighttrain.pipeline.settings.Settings.LoadFormat;
import nighttrain.pipeline.testing.TestSpark;
import nighttrain.pipeline.testing.TinyModel;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.StructType;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import scala.collection.Seq;

/** Runs whole jobs with constraints on the CPU engine. Its random weights never write JSON unconstrained. */
class ConstrainedJobTest {
    private static final JsonMapper JSON = new JsonMapper();
    private static final SchemaRegistry VALIDATORS =
            SchemaRegistry.withDefaultDialect(SpecificationVersion.DRAFT_2020_12);

    private final SparkSession spark = TestSpark.session();

    @TempDir
    private Path dir;

    private SettingValues values;

    @BeforeEach
    void settings() {
        values = SettingValues.none()
                .with(Settings.MODEL, TinyModel.in(dir.resolve("model"), 512).toString())
                .with(Settings.LOAD_FORMAT, LoadFormat.DUMMY)
                .with(Settings.TEMPERATURE, 1.0)
                .with(Settings.MAX_TOKENS, 60)
                .with(Settings.THREADS, 2);
    }

    /** Returns the schemas of objects, as OpenAI's schemas are. */
    private static List<String> schemas() throws IOException {
        Path file = Path.of(System.getProperty("nighttrain.root"))
                .resolve("io/src/test/resources/constraint/schemas.jsonl");
        return Files.readAllLines(file).stream()
                .filter(schema -> schema.startsWith("{"))
                .toList();
    }

    @Test
    void everyAnswerOfABatchSatisfiesItsSchema() throws IOException {
        assertAnswersSatisfyTheirSchemas(300);
    }

    /** Runs with {@code mvn -pl pipeline -am test -Dtest=ConstrainedJobTest -DexcludedTestGroups=gpu}. */
    @Test
    @Tag("benchmark")
    void everyAnswerOfALargeBatchSatisfiesItsSchema() throws IOException {
        assertAnswersSatisfyTheirSchemas(10_000);
    }

    /** Uses the schemas in turn, one a line; every other pass over the schemas has the smallest possible token limits. */
    private void assertAnswersSatisfyTheirSchemas(int rows) throws IOException {
        List<String> schemas = schemas();
        assertThat(schemas).hasSizeGreaterThan(40);
        List<Integer> fewest = new ArrayList<>();
        try (Tokenizer tokenizer = Tokenizer.open(dir.resolve("model"))) {
            Constraints constraints = new Constraints(tokenizer.vocabulary());
            for (String schema : schemas) {
                fewest.add(constraints.compile(new Constraint.JsonSchema(schema, ""))
                        .fewestTokens()[TokenAutomaton.START]);
            }
        }
        List<String> lines = new ArrayList<>();
        List<String> ofLines = new ArrayList<>();
        for (int i = 0; i < rows; i++) {
            int schema = i % schemas.size();
            boolean least = (i / schemas.size()) % 2 == 0;
            ofLines.add(schemas.get(schema));
            lines.add(line(i, format(schemas.get(schema)), fewest.get(schema) + (least ? 0 : 1 + i % 97)));
        }
        Files.write(dir.resolve("batch.jsonl"), lines);

        List<Row> results = run("batch", batch());

        assertThat(results).hasSize(lines.size());
        List<Schema> validators = ofLines.stream()
                .distinct()
                .map(schema -> VALIDATORS.getSchema(schema, InputFormat.JSON))
                .toList();
        List<String> distinct = ofLines.stream().distinct().toList();
        for (int i = 0; i < results.size(); i++) {
            assertThat(results.get(i).<String>getAs("error_message")).isNull();
            assertSatisfies(
                    validators.get(distinct.indexOf(ofLines.get(i))),
                    ofLines.get(i),
                    results.get(i).getAs("text"));
        }
        Set<String> texts =
                results.stream().map(row -> row.<String>getAs("text")).collect(Collectors.toSet());
        assertThat(texts).hasSizeGreaterThan(results.size() / 3);
    }

    private SettingValues batch() {
        return values.with(Settings.INPUT_PATH, dir.resolve("batch.jsonl").toString())
                .with(Settings.FORMAT, "openai-batch");
    }

    private static String line(int id, String format, int maxTokens) {
        return "{\"custom_id\":\"r%05d\",\"method\":\"POST\",\"url\":\"/v1/chat/completions\",\"body\":{\"messages\":[{\"role\":\"user\",\"content\":\"%d\"}],\"max_tokens\":%d,\"seed\":%d,\"response_format\":%s}}"
                .formatted(id, id, maxTokens, id, format);
    }

    private static String format(String schema) {
        return "{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"s\",\"schema\":" + schema + "}}";
    }

    private static void assertSatisfies(Schema validator, String schema, String text) {
        assertThat(validator.validate(
                        text,
                        InputFormat.JSON,
                        context -> context.executionConfig(config -> config.formatAssertionsEnabled(true))))
                .as("%s under %s", text, schema)
                .isEmpty();
    }

    @Test
    void linesOfABatchFailByThemselves() throws IOException {
        Files.write(
                dir.resolve("batch.jsonl"),
                List.of(
                        line(1, format("{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"integer\"}}}"), 40),
                        line(2, format("{\"type\":\"object\",\"not\":{}}"), 40),
                        line(3, "{\"type\":\"json_object\"}", 40),
                        line(4, format("{\"const\":\"a long text\"}"), 5),
                        line(5, "{\"type\":\"text\"}", 40)));
        String schema = "{\"type\":\"array\",\"items\":{\"type\":\"boolean\"}}";
        List<Row> rows = run(
                "batch",
                batch().with(Settings.JSON_SCHEMA, schema).with(Settings.MAX_ROW_ERRORS, MaxRowErrors.share(1)));
        assertThat(rows)
                .extracting(row -> row.<String>getAs("error"))
                .containsExactly(null, "bad_constraint", null, "bad_constraint", null);
        assertThat(rows.get(1).<String>getAs("error_message"))
                .startsWith("unsupported keyword in the JSON schema at #: not (");
        assertThat(rows.get(3).<String>getAs("error_message"))
                .isEqualTo("fewer tokens than the constraint needs: 5 (at least 13; raise max_tokens)");
        assertThat(JSON.readTree(rows.get(0).<String>getAs("text")).isObject()).isTrue();
        assertThat(JSON.readTree(rows.get(2).<String>getAs("text")).isObject()).isTrue();
        assertSatisfies(
                VALIDATORS.getSchema(schema, InputFormat.JSON),
                schema,
                rows.get(4).getAs("text"));
        assertThat(rows.stream().map(row -> row.isNullAt(row.fieldIndex("parsed"))))
                .as("the job's schema is not that of the other lines")
                .containsExactly(true, true, true, true, false);
    }

    /** The columns have the schema's types, and their values are those of the text. */
    @Test
    void resultsCarryTheObject() throws IOException {
        String schema = """
                {"type":"object","additionalProperties":false,"required":["s","i","d","b","n","e","o","l","u","free","tree","odd name.`"],
                 "properties":{"s":{"type":"string","maxLength":4},"i":{"type":"integer"},"d":{"type":"number"},"b":{"type":"boolean"},
                 "n":{"type":["integer","null"]},"e":{"enum":["x","y"]},"o":{"type":"object","properties":{"x":{"type":"integer"}}},
                 "l":{"type":"array","items":{"type":"object","properties":{"k":{"type":"boolean"}},"required":["k"]},"maxItems":3},
                 "u":{"type":["string","integer"],"maxLength":3},"free":{"type":"object"},"odd name.`":{"const":12},
                 "tree":{"$ref":"#/$defs/tree"},"missing":{"type":"string","maxLength":1}},
                 "$defs":{"tree":{"type":"object","properties":{"v":{"type":"boolean"},"c":{"type":"array","items":{"$ref":"#/$defs/tree"}}},"required":["v","c"]}}}""";
        List<Row> rows =
                run("parsed", prompts(40).with(Settings.JSON_SCHEMA, schema).with(Settings.MAX_TOKENS, 300));
        StructType type = (StructType) rows.get(0).schema().apply("parsed").dataType();
        assertThat(type.toDDL())
                .isEqualTo("s STRING,i BIGINT,d DOUBLE,b BOOLEAN,n BIGINT,e STRING,o STRUCT<x: BIGINT>,"
                        + "l ARRAY<STRUCT<k: BOOLEAN>>,u STRING,free STRING,`odd name.```"
                        + " BIGINT,tree STRUCT<v: BOOLEAN, c: ARRAY<STRING>>,missing STRING");
        assertThat(rows.get(0).schema().fieldNames()).containsSubsequence("id", "text", "parsed", "finish_reason");
        for (Row row : rows) {
            assertEqual(row.getAs("parsed"), JSON.readTree(row.<String>getAs("text")));
        }
        assertThat(rows)
                .extracting(row -> row.<Row>getAs("parsed").<String>getAs("u"))
                .as("a text is told from a number")
                .anyMatch(json -> json.startsWith("\""))
                .anyMatch(json -> !json.startsWith("\""));
        assertThat(rows).anyMatch(row -> row.<Row>getAs("parsed").<List<?>>getAs("l") != null);

        assertThatThrownBy(() -> run(
                        "parsed",
                        prompts(40)
                                .with(Settings.JSON_SCHEMA, "{\"type\":\"integer\"}")
                                .with(Settings.MAX_TOKENS, 300)))
                .isInstanceOf(UserError.class)
                .hasMessageStartingWith("output belongs to another job")
                .hasMessageContaining("constraint ");
    }

    private static void assertEqual(Object value, JsonNode written) throws JsonProcessingException {
        if (value == null) {
            assertThat(written.isNull() || written.isMissingNode()).isTrue();
        } else if (value instanceof Row row) {
            assertThat(List.of(row.schema().fieldNames())).containsAll(names(written));
            for (String name : row.schema().fieldNames()) {
                assertEqual(row.getAs(name), written.path(name));
            }
        } else if (value instanceof Seq<?> items) {
            assertThat(items.size()).isEqualTo(written.size());
            for (int i = 0; i < items.size(); i++) {
                assertEqual(items.apply(i), written.get(i));
            }
        } else if (value instanceof String text) {
            assertThat(text.equals(written.textValue()) || written.equals(JSON.readTree(text)))
                    .as(text)
                    .isTrue();
        } else {
            assertThat(value).isEqualTo(JSON.treeToValue(written, value.getClass()));
        }
    }

    private static List<String> names(JsonNode object) {
        return object.properties().stream().map(Map.Entry::getKey).toList();
    }

    private SettingValues prompts(int rows) throws IOException {
        Path input = dir.resolve("input.jsonl");
        Files.write(
                input,
                IntStream.range(0, rows)
                        .mapToObj(i -> "{\"prompt\":\"" + i + "\"}")
                        .toList());
        return values.with(Settings.INPUT_PATH, input.toString()).with(Settings.FORMAT, "jsonl");
    }

    @Test
    void textsAreChoicesOrMatch() throws IOException {
        List<String> choices = List.of("billing", "bill", "ärger 🦙", "x");
        List<Row> chosen = run("choices", prompts(60).with(Settings.CHOICES, choices));
        assertThat(chosen)
                .extracting(row -> row.<String>getAs("text"))
                .allMatch(choices::contains)
                .contains("bill", "x");
        assertThat(List.of(chosen.get(0).schema().fieldNames())).doesNotContain("parsed");
        String regex = "[A-Z]{2}-\\d{3,}( \\p{Lu}+)?";
        assertThat(run("regex", prompts(60).with(Settings.REGEX, regex).with(Settings.MAX_TOKENS, 9)))
                .extracting(row -> row.<String>getAs("text"))
                .allMatch(text -> text.matches(regex));
        refuses(
                prompts(1).with(Settings.REGEX, regex).with(Settings.MAX_TOKENS, 5),
                "bad value of --max-tokens: 5 (the constraint needs 6; use at least that)");
    }

    private void refuses(SettingValues set, String message) {
        assertThatThrownBy(() -> run("refused", set))
                .isInstanceOf(UserError.class)
                .hasMessage(message);
        assertThat(dir.resolve("refused")).doesNotExist();
    }

    /** The mark is a text or a token that texts omit. */
    @Test
    void theObjectAfterAMarkIsParsed() throws IOException {
        SettingValues marked = prompts(40)
                .with(
                        Settings.JSON_SCHEMA,
                        "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"integer\"}},\"required\":[\"a\"]}");
        for (String mark : List.of("=>", "<|im_end|>", "e")) {
            List<Row> rows = run("after" + mark.length(), marked.with(Settings.CONSTRAIN_AFTER, mark));
            for (Row row : rows) {
                String text = row.getAs("text");
                String json = mark.startsWith("<")
                        ? text.substring(text.lastIndexOf("{\"a\":"))
                        : text.substring(text.indexOf(mark) + mark.length());
                assertThat(row.<Row>getAs("parsed").<Long>getAs("a"))
                        .as(text)
                        .isEqualTo(JSON.readTree(json).get("a").longValue());
            }
            assertThat(rows)
                    .as("something is free")
                    .anyMatch(row -> row.<String>getAs("text").indexOf("{") > mark.length());
        }
    }

    @Test
    void aScalarIsParsed() throws IOException {
        List<Row> rows = run("scalar", prompts(20).with(Settings.JSON_SCHEMA, "{\"type\":\"string\",\"maxLength\":6}"));
        assertThat(rows)
                .allSatisfy(row -> assertThat(
                                JSON.readTree(row.<String>getAs("text")).textValue())
                        .isEqualTo(row.getAs("parsed")));
    }

    private List<Row> run(String name, SettingValues set) {
        new GenerateJob()
                .run(
                        spark,
                        GenerateOptions.of(
                                set.with(Settings.OUTPUT_PATH, dir.resolve(name).toString())),
                        ProgressListener.SILENT);
        return spark.read()
                .parquet(dir.resolve(name).resolve("results").toString())
                .collectAsList();
    }
}
