package nighttrain.pipeline.label;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import nighttrain.pipeline.GenerateReport;
import nighttrain.pipeline.settings.SettingValues;
import nighttrain.pipeline.settings.Settings;
import nighttrain.pipeline.testing.FakeScript;
import nighttrain.pipeline.testing.JobTest;
import nighttrain.pipeline.testing.TinyJob;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Runs label jobs on an engine whose scores are known. Every byte is a token, so a label has as many tokens as bytes. */
class LabelJobTest extends JobTest {
    private static final int ROWS = 30;
    private static final int CONTEXT_TOKENS = 600;
    private static final List<String> LABELS = List.of("outage", "out", "billing", "bill", "größe");

    /** The settings without labels. */
    private SettingValues base;

    @BeforeEach
    void labels() {
        base = TinyJob.in(dir.resolve("long"), CONTEXT_TOKENS)
                .with(Settings.INPUT_PATH, dir.resolve("input").toString())
                .with(Settings.OUTPUT_PATH, output().toString())
                .with(Settings.MAX_MODEL_LEN, CONTEXT_TOKENS);
        values = base.with(Settings.LABELS, LABELS);
    }

    @Test
    void theDefaultPromptNamesTheLabels() {
        input(1, prompts(ROWS));
        GenerateReport report = run();
        assertThat(report.errors()).isZero();
        assertThat(results().get(0).schema().fieldNames())
                .containsExactly(
                        "id",
                        "label",
                        "confidence",
                        "margin",
                        "probabilities",
                        "label_error",
                        "prompt_tokens",
                        "output_tokens",
                        "error",
                        "error_message",
                        "e2e_ms",
                        "attempts",
                        "executor");
        String head =
                "Choose the label that fits the text best. Labels:\n- outage\n- out\n- billing\n- bill\n- größe\n\n";
        for (int i = 0; i < ROWS; i++) {
            String prompt = head + "Text: prompt " + i + "\nLabel:";
            Row row = results().get(i);
            agrees(row, softmax(sums(prompt, " ", 0)));
            assertThat(row.<Integer>getAs("prompt_tokens")).isEqualTo(bytes(prompt).length);
            assertThat(row.<Integer>getAs("output_tokens")).isZero();
        }
        // "out" and "bill" are prefixes of others, so there are three paths: to outage, billing and größe.
        assertThat(script().computations()).isEqualTo(3 * ROWS);
    }

    @Test
    void aPromptOfTheUsersStandsAsItIs() throws IOException {
        input(1, prompts(ROWS));
        file("labels.jsonl", """
                {"name": "outage", "text": "=down"}
                {"name": "billing", "description": "money"}
                """);
        values = labelsFile("labels.jsonl")
                .with(Settings.PROMPT_TEXT, "{labels}\n{prompt} ->")
                .with(Settings.LENGTH_NORMALISE, true);
        run();
        String prompt = "- outage\n- billing: money\nprompt 3 ->";
        double down = sum(prompt, "=down") / 5;
        double billing = sum(prompt, " billing") / 8;
        double share = 1 / (1 + Math.exp(billing - down));
        Map<Object, Object> found = results().get(3).getJavaMap(results().get(3).fieldIndex("probabilities"));
        assertThat((Double) found.get("outage")).isCloseTo(share, within(1e-9));
        assertThat((Double) found.get("billing")).isCloseTo(1 - share, within(1e-9));
    }

    @Test
    void calibrationDividesByTheAnswerToNothing() {
        input(1, prompts(ROWS));
        values = values.with(Settings.CALIBRATE, true).with(Settings.PROMPT_TEXT, "Is it {prompt}? ->");
        run();
        double[] nothing = new double[LABELS.size()];
        for (String text : List.of("N/A", "", "[MASK]")) {
            double[] shares = softmax(sums("Is it " + text + "? ->", " ", 0));
            Arrays.setAll(nothing, i -> nothing[i] + shares[i] / 3);
        }
        for (int row : List.of(0, 17, ROWS - 1)) {
            double[] shares = softmax(sums("Is it prompt " + row + "? ->", " ", 0));
            double all = IntStream.range(0, shares.length)
                    .mapToDouble(i -> shares[i] / nothing[i])
                    .sum();
            agrees(
                    results().get(row),
                    IntStream.range(0, shares.length)
                            .mapToDouble(i -> shares[i] / nothing[i] / all)
                            .toArray());
        }
        assertThat(results().get(4).<Integer>getAs("prompt_tokens"))
                .as("its own")
                .isEqualTo(18);
    }

    @Test
    void examplesStandBeforeEveryPrompt() throws IOException {
        input(1, prompts(3));
        file("examples.jsonl", """
                {"text": "no light", "label": "outage"}
                {"prompt": "paid twice", "label": "billing"}
                """);
        values = values.with(Settings.EXAMPLES, dir.resolve("examples.jsonl").toString())
                .with(Settings.PROMPT_TEXT, "Q: {prompt}\nA:");
        run();
        agrees(
                results().get(1),
                softmax(sums("Q: no light\nA: outage\n\nQ: paid twice\nA: billing\n\nQ: prompt 1\nA:", " ", 0)));
    }

    @Test
    void asAConversationTheLabelIsWhatTheAssistantWrites() {
        input(1, prompts(2));
        values = values.with(Settings.SYSTEM, "Be brief.").with(Settings.PROMPT_TEXT, "{prompt}");
        run();
        agrees(results().get(1), softmax(sums("<system>Be brief.<user>prompt 1<assistant>", "", 0)));
    }

    /** The examples follow the system message of a row. */
    @Test
    void conversationsOfATableAreGoneOnWith() throws IOException {
        List<Row> rows = IntStream.range(0, 3)
                .mapToObj(i -> RowFactory.create("[{\"role\":\"system\",\"content\":\"S\"},"
                        + "{\"role\":\"user\",\"content\":\"prompt " + i + "\"}]"))
                .toList();
        table(rows, new StructType().add("chat", DataTypes.StringType))
                .coalesce(1)
                .write()
                .parquet(dir.resolve("input").toString());
        file("examples.jsonl", "{\"text\": \"no light\", \"label\": \"outage\"}");
        values = values.with(Settings.MESSAGES_COLUMN, "chat")
                .with(Settings.EXAMPLES, dir.resolve("examples.jsonl").toString());
        run();
        agrees(
                results().get(1),
                softmax(sums("<system>S<user>no light<assistant>outage<user>prompt 1<assistant>", "", 0)));
        values = values.with(Settings.OUTPUT_PATH, dir.resolve("other").toString());
        SettingValues conversations = values;
        values = conversations.with(Settings.CALIBRATE, true);
        refuses("not with conversations: --calibrate (its prompts are made of the text of a row; use --prompt-column or"
                + " --prompt)");
        values = conversations.with(Settings.MULTI, true);
        refuses("not with conversations: --multi (its prompts are made of the text of a row; use --prompt-column or"
                + " --prompt)");
    }

    @Test
    void eachLabelByItself() {
        input(1, prompts(ROWS));
        values = values.with(Settings.MULTI, true)
                .with(Settings.THRESHOLD, 0.6)
                .with(Settings.LABELS, List.of("a", "b", "c"))
                .with(Settings.PROMPT_TEXT, "{prompt}: {label}?");
        run();
        Row row = results().get(5);
        assertThat(row.schema().fieldNames())
                .contains("labels", "probabilities")
                .doesNotContain("label", "text");
        Map<String, Double> expected = new LinkedHashMap<>();
        for (String label : List.of("a", "b", "c")) {
            String prompt = "prompt 5: " + label + "?";
            expected.put(label, 1 / (1 + Math.exp(sum(prompt, " No") - sum(prompt, " Yes"))));
        }
        Map<String, Double> found = row.getJavaMap(row.fieldIndex("probabilities"));
        expected.forEach((label, share) -> assertThat(found.get(label)).isCloseTo(share, within(1e-9)));
        assertThat(row.<String>getList(row.fieldIndex("labels")))
                .containsExactlyElementsOf(expected.keySet().stream()
                        .filter(label -> expected.get(label) >= 0.6)
                        .toList());
        assertThat(results().stream()
                        .mapToInt(it -> it.getList(it.fieldIndex("labels")).size())
                        .distinct()
                        .count())
                .as("rows have different numbers of labels")
                .isGreaterThan(1);
    }

    @Test
    void goldIsComparedAndUncertainRowsAreForPeople() throws IOException {
        List<String> letters = List.of("a", "b", "c", "d", "e");
        List<Row> rows = IntStream.range(0, ROWS)
                .mapToObj(i -> RowFactory.create(
                        (long) i, "prompt " + i, i == 4 ? "else" : i == 5 ? null : letters.get(i % 5)))
                .toList();
        table(
                        rows,
                        new StructType()
                                .add("key", DataTypes.LongType)
                                .add("prompt", DataTypes.StringType)
                                .add("right", DataTypes.StringType))
                .coalesce(1)
                .sortWithinPartitions("key")
                .write()
                .parquet(dir.resolve("input").toString());
        values = values.with(Settings.LABELS, letters)
                .with(Settings.GOLD, "right")
                .with(Settings.REVIEW, 10)
                .with(Settings.ABSTAIN_BELOW, 0.5)
                .with(Settings.DEDUP, true);
        run();
        List<Row> results = results();
        assertThat(results.get(4).<String>getAs("label_error"))
                .endsWith("unknown gold label: else (labels are a, b, c, d, e; correct the row or --labels)");
        assertThat(results.get(5).<String>getAs("right")).isNull();
        List<Row> unsure = results.stream()
                .filter(row -> row.<Double>getAs("confidence") < 0.5)
                .toList();
        assertThat(unsure)
                .isNotEmpty()
                .hasSizeLessThan(ROWS)
                .allSatisfy(row -> assertThat(row.<String>getAs("label")).isNull());
        JsonNode labels = summary().get("labels");
        assertThat(labels.get("rows_without_label").asLong()).isEqualTo(unsure.size());
        JsonNode gold = labels.get("gold");
        List<Row> rated = results.stream()
                .filter(row -> row.getAs("right") != null && !"else".equals(row.getAs("right")))
                .toList();
        List<Row> given =
                rated.stream().filter(row -> row.getAs("label") != null).toList();
        long right = given.stream()
                .filter(row -> row.getAs("label").equals(row.getAs("right")))
                .count();
        assertThat(gold.get("rows").asLong()).isEqualTo(ROWS - 2);
        assertThat(gold.get("rows_with_unknown_gold").asLong()).isEqualTo(1);
        assertThat(gold.get("rows_without_gold").asLong()).isEqualTo(1);
        assertThat(gold.get("accuracy").asDouble()).isEqualTo((double) right / given.size());
        assertThat(gold.get("calibration")).hasSize(10);
        assertThat(gold.get("calibration").findValues("rows").stream()
                        .mapToLong(JsonNode::asLong)
                        .sum())
                .isEqualTo(given.size());
        assertThat(gold.get("mistakes").size()).isEqualTo((int) Math.min(20, given.size() - right));
        assertThat(Files.readString(output().resolve("report.html")))
                .contains("Labels and gold", "The most confident mistakes", "Calibration");

        List<Row> review = table("review");
        assertThat(review).hasSize(10);
        assertThat(review).extracting(row -> row.<Double>getAs("margin")).isSorted();
        assertThat(review.stream()
                        .map(row -> row.<String>getAs("label"))
                        .distinct()
                        .count())
                .isGreaterThan(2);
        try (Stream<Path> files = Files.list(output().resolve("review-csv"))) {
            Path csv = files.filter(file -> file.toString().endsWith(".csv"))
                    .findFirst()
                    .orElseThrow();
            assertThat(Files.readAllLines(csv)).hasSize(11).first().asString().startsWith("id,right,label,confidence");
        }
    }

    @Test
    void doubledBracesOfAPromptAreBraces() {
        assertThat(Labels.marked("{{labels}} {{{labels}}} {labels}", false)).isEqualTo("{{labels}} {{\uFDD2}} \uFDD2");
        assertThat(Labels.marked("{{\"label\": 1}} {label}{description}", true))
                .isEqualTo("{{\"label\": 1}} \uFDD0\uFDD1");
        assertThatThrownBy(() -> Labels.marked("{{label}}", true)).hasMessageStartingWith("no {label} in the prompt: ");
    }

    @Test
    void aKeptColumnCalledUncertainIsInTheReview() {
        spark.range(4)
                .selectExpr("concat('p ', id) as prompt", "id as uncertain")
                .write()
                .parquet(dir.resolve("input").toString());
        values = values.with(Settings.KEEP_COLUMNS, List.of("uncertain")).with(Settings.REVIEW, 2);
        run();
        assertThat(table("review")).hasSize(2).allMatch(row -> row.<Long>getAs("uncertain") != null);
    }

    @Test
    void aKilledJobIsResumed() {
        input(1, prompts(ROWS));
        script().answerMs.set(30);
        runAndCancelAfter(40);
        script().answerMs.set(0);
        assertThat(run().rowsFromEarlierRuns()).isBetween(1L, ROWS - 1L);
        assertThat(results()).hasSize(ROWS);
        values = values.with(Settings.LABELS, List.of("outage", "bill"));
        refuses(
                "output belongs to another job: file:" + output() + " (changed: " + changed()
                        + "; set these back to go on with it, use --overwrite to delete it and start anew, or choose another --output)");
    }

    /** The table is not Parquet, so the job keeps its rows. */
    @Test
    void goldAndReviewMayChangeWhereRowsStay() throws IOException {
        List<Row> rows = IntStream.range(0, ROWS)
                .mapToObj(i -> RowFactory.create((long) i, "prompt " + i, LABELS.get(i % 2), "x"))
                .toList();
        StructType schema = new StructType()
                .add("key", DataTypes.LongType)
                .add("prompt", DataTypes.StringType)
                .add("right", DataTypes.StringType)
                .add("other", DataTypes.StringType);
        table(rows, schema)
                .coalesce(1)
                .sortWithinPartitions("key")
                .write()
                .json(dir.resolve("input").toString());
        values = values.with(Settings.FORMAT, "json");
        script().answerMs.set(30);
        runAndCancelAfter(40);
        script().answerMs.set(0);
        values = values.with(Settings.GOLD, "right").with(Settings.REVIEW, 5);
        GenerateReport resumed = run();
        assertThat(resumed.rowsFromEarlierRuns()).isBetween(1L, ROWS - 1L);
        int computed = script().computations();
        assertThat(results())
                .extracting(row -> row.<String>getAs("right"))
                .containsExactlyElementsOf(IntStream.range(0, ROWS)
                        .mapToObj(i -> LABELS.get(i % 2))
                        .toList());
        assertThat(table("review")).hasSize(5);
        assertThat(summary().at("/labels/gold/rows").asLong()).isEqualTo(ROWS);

        values = values.with(Settings.REVIEW, 7);
        assertThat(run().wasComplete()).isTrue();
        assertThat(table("review")).hasSize(7);
        assertThat(summary().at("/settings/review").asText()).isEqualTo("7");
        assertThat(summary().at("/labels/gold/rows").asLong()).isEqualTo(ROWS);
        assertThat(output().resolve("_nighttrain").toFile().list()).containsExactly("job.json");
        values = base.with(Settings.LABELS, LABELS).with(Settings.FORMAT, "json");
        assertThat(run().wasComplete()).as("asks for less than is there").isTrue();
        assertThat(table("review")).hasSize(7);
        assertThat(script().computations()).isEqualTo(computed);

        values = values.with(Settings.GOLD, "other");
        refuses("finished job has another gold column: other (only an unfinished job takes another --gold; use"
                + " --overwrite to run it again, or another --output)");
    }

    @Test
    void aDeadlineLeavesWholeRows() {
        input(1, prompts(ROWS));
        script().answerMs.set(150);
        values = values.with(Settings.DEADLINE, Settings.DEADLINE.parse("4s"));
        GenerateReport first = run();
        assertThat(first.rowsLeft()).as("of 13 s for both tasks").isBetween(1L, (long) ROWS);
        int computed = script().computations();
        script().answerMs.set(0);
        values = values.with(Settings.DEADLINE, Settings.DEADLINE.parse("1h"));
        assertThat(run().rowsFromEarlierRuns()).isEqualTo(first.rows());
        assertThat(script().computations() - computed).isEqualTo((int) (3 * first.rowsLeft()));
        assertThat(results()).hasSize(ROWS).allMatch(row -> row.getAs("label") != null);
    }

    /** One deadly request is enough to quarantine its row. */
    @Test
    void aRowThatKillsItsExecutorIsQuarantined() {
        input(1, prompts(ROWS));
        values = values.with(Settings.PROMPT_TEXT, "{prompt}:");
        script().poison.add("prompt 7: billin");
        GenerateReport report = run();
        assertThat(report.errors()).isEqualTo(1);
        Row row = results().get(7);
        assertThat(row.<String>getAs("error")).isEqualTo("quarantined");
        assertThat(row.<Integer>getAs("attempts")).isEqualTo(4);
        assertThat(row.<String>getAs("label")).isNull();
        assertThat(row.<Object>getAs("probabilities")).isNull();
        assertThat(results().stream().filter(it -> it.getAs("label") != null)).hasSize(ROWS - 1);
        assertThat(summary().at("/labels/rows_without_label").asLong())
                .as("errors are counted as errors")
                .isZero();
    }

    @Test
    void identicalRowsAreScoredOnce() {
        input(1, IntStream.range(0, ROWS).mapToObj(i -> "prompt " + i % 10).toList());
        values = values.with(Settings.DEDUP, true);
        run();
        assertThat(script().computations()).isEqualTo(3 * 10);
        List<Row> results = results();
        assertThat(results).hasSize(ROWS);
        for (int i = 10; i < ROWS; i++) {
            assertThat(results.get(i).<Object>getAs("probabilities"))
                    .isEqualTo(results.get(i % 10).getAs("probabilities"));
        }
        long labelled = 0;
        for (JsonNode count : summary().at("/labels/rows_by_label")) {
            labelled += count.asLong();
        }
        assertThat(labelled).as("copies count").isEqualTo(ROWS);
    }

    private List<Row> table(String name) {
        return spark.read().parquet(output().resolve(name).toString()).collectAsList();
    }

    private JsonNode summary() {
        try {
            return new ObjectMapper().readTree(output().resolve("summary.json").toFile());
        } catch (IOException unreadable) {
            throw new UncheckedIOException(unreadable);
        }
    }

    private static String changed() {
        String labels = "{\"labels\":[{\"name\":\"outage\",\"text\":null,\"description\":null},{\"name\":\"o";
        return "labels " + labels.substring(0, 60) + "... -> " + labels.substring(0, 60) + "...";
    }

    @Test
    void badLabelsAreRefusedByName() throws IOException {
        input(1, prompts(2));
        values = values.with(Settings.LABELS, List.of("a"));
        refuses("too few labels: a (at least 2; name more, or use --multi to ask for one)");
        values = values.with(Settings.LABELS, List.of("a", "b", "a"));
        refuses("label named twice: a (each label once; remove one of them)");
        file("equal.jsonl", "[{\"name\": \"a\", \"text\": \" x\"}, {\"name\": \"b\", \"text\": \" x\"}]");
        values = labelsFile("equal.jsonl");
        refuses("labels with equal tokens: a and b (the model cannot tell them apart; give one of them another text)");
        file("empty.jsonl", "{\"name\": \"a\"}\n{\"name\": \" \"}");
        values = labelsFile("empty.jsonl");
        refuses("empty label: \" \" (a name and a text that is scored; give it one, or remove it)");
        file("odd.jsonl", "{\"name\": \"a\", \"txt\": \"b\"}");
        values = labelsFile("odd.jsonl");
        refuses(
                "bad line in --labels-file: {\"name\":\"a\",\"txt\":\"b\"} (name, text and description, each a text; correct the line)");
        file("twice.jsonl", "{\"name\": \"a\", \"name\": \"b\"}");
        values = labelsFile("twice.jsonl");
        refuses("cannot read --labels-file: " + dir.resolve("twice.jsonl")
                + " (lines of JSON are expected: Duplicate field 'name'; correct the file)");
        values = labelsFile("none.jsonl");
        refuses("file of --labels-file not found: " + dir.resolve("none.jsonl")
                + " (a local UTF-8 text file; check the path)");
        values = labelsFile("odd.jsonl");
        values = values.with(Settings.LABELS, List.of("a", "b"));
        refuses("more than one source of labels: --labels, --labels-file (one is allowed; leave the other out)");
        assertThat(output()).doesNotExist();
    }

    @Test
    void whatDoesNotGoTogetherIsRefused() throws IOException {
        input(1, prompts(2));
        values = values.with(Settings.GOLD, "prompt").with(Settings.MULTI, true);
        refuses("not with --multi: --gold (a gold column has one label a row; leave one of the two out)");
        values = base.with(Settings.LABELS, LABELS).with(Settings.THRESHOLD, 0.5);
        refuses("only with --multi: --threshold (without it the most likely label is taken; use --abstain-below)");
        values = values.with(Settings.MULTI, true).with(Settings.PROMPT_TEXT, "{prompt}");
        refuses(
                "no {label} in the prompt: {prompt} (--multi asks a question about each label; write {label} where its name belongs)");
        file("examples.jsonl", "{\"text\": \"t\", \"label\": \"no\"}");
        values = values.with(Settings.EXAMPLES, dir.resolve("examples.jsonl").toString());
        refuses("unknown label in --examples: no (labels are outage, out, billing, bill, größe; correct it)");
        assertThat(output()).doesNotExist();
    }

    // --- Expected scores, summed label by label ---

    private static void agrees(Row row, double[] expected) {
        Map<Object, Object> found = row.getJavaMap(row.fieldIndex("probabilities"));
        assertThat(found).hasSize(LABELS.size());
        for (int i = 0; i < expected.length; i++) {
            assertThat((Double) found.get(LABELS.get(i))).isCloseTo(expected[i], within(1e-9));
        }
        int best = IntStream.range(0, expected.length).reduce(0, (a, b) -> expected[b] > expected[a] ? b : a);
        double[] sorted = Arrays.stream(expected).sorted().toArray();
        assertThat(row.<String>getAs("label")).isEqualTo(LABELS.get(best));
        assertThat(row.<Double>getAs("confidence")).isCloseTo(expected[best], within(1e-9));
        assertThat(row.<Double>getAs("margin"))
                .isCloseTo(sorted[sorted.length - 1] - sorted[sorted.length - 2], within(1e-9));
    }

    private static double[] sums(String prompt, String before, double start) {
        return LABELS.stream()
                .mapToDouble(label -> start + sum(prompt, before + label))
                .toArray();
    }

    private static double sum(String prompt, String label) {
        int[] all = bytes(prompt + label);
        return IntStream.range(bytes(prompt).length, all.length)
                .mapToDouble(at -> FakeScript.logprob(Arrays.copyOf(all, at), all[at]))
                .sum();
    }

    private static double[] softmax(double[] logs) {
        double sum = Arrays.stream(logs).map(Math::exp).sum();
        return Arrays.stream(logs).map(log -> Math.exp(log) / sum).toArray();
    }

    private static int[] bytes(String text) {
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        return IntStream.range(0, bytes.length).map(i -> bytes[i] & 0xff).toArray();
    }

    private SettingValues labelsFile(String name) {
        return base.with(Settings.LABELS_FILE, dir.resolve(name).toString());
    }

    private void file(String name, String text) throws IOException {
        Files.writeString(dir.resolve(name), text);
    }
}
