package nighttrain.pipeline;

import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.from_json;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;
import nighttrain.io.journal.Journal;
import nighttrain.io.journal.JournalReader;
import nighttrain.io.rows.ResultRow;
import nighttrain.pipeline.row.RowFault;
import nighttrain.pipeline.row.RowKind;
import nighttrain.pipeline.row.RowRequest;
import nighttrain.pipeline.row.RowRequest.Decoding;
import nighttrain.pipeline.row.RowRequest.Prompt;
import nighttrain.pipeline.settings.GenerateOptions;
import nighttrain.pipeline.settings.Settings;
import nighttrain.pipeline.testing.JobTest;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.junit.jupiter.api.Test;

/** Tests a row kind with three requests a row: a row is finished when all are answered, fails when one fails, and is done once. */
class SeveralRequestsTest extends JobTest {
    private static final int ROWS = 60;

    @Override
    protected GenerateOptions options() {
        return super.options().with(new Thrice());
    }

    @Test
    void theAnswerIsMadeOfAll() {
        input(1, prompts(ROWS));
        assertThat(run().rows()).isEqualTo(ROWS);
        assertThat(script().computations()).isEqualTo(3 * ROWS);
        Row row = results().get(7);
        assertThat(row.schema().fieldNames())
                .containsExactly(
                        "id",
                        "texts",
                        "tokens",
                        "prompt_tokens",
                        "output_tokens",
                        "error",
                        "error_message",
                        "e2e_ms",
                        "attempts",
                        "executor");
        assertThat(row.<String>getList(row.fieldIndex("texts")))
                .containsExactly("prompt 7 a", "prompt 7 b", "prompt 7 c");
        assertThat(row.<Long>getAs("tokens")).isEqualTo(30);
        assertThat(row.<Integer>getAs("prompt_tokens")).as("of the first").isEqualTo(10);
        assertThat(row.<Integer>getAs("output_tokens")).as("of all").isEqualTo(30);
    }

    @Test
    void anEngineWithRoomForLessThanARowTakesOneAfterTheOther() {
        input(1, prompts(ROWS));
        script().capacity.set(2);
        assertThat(run().errors()).isZero();
        assertThat(script().mostInFlight).hasValue(2);
        assertThat(script().computed.values()).allMatch(times -> times.get() == 1);
    }

    @Test
    void aKilledRunIsResumedAndFinishedRowsAreNotDoneAgain() {
        input(2, prompts(ROWS));
        script().answerMs.set(5);
        runAndCancelAfter(50);
        script().answerMs.set(0);
        List<String> finished = new ArrayList<>();
        journal().resultFiles().forEach(file -> {
            Journal journal = journal();
            try (JournalReader<ResultRow> rows = Journal.read(journal.fs(), file.getPath())) {
                rows.forEachRemaining(row -> finished.add(row.text().replace(" a", "")));
            }
        });
        assertThat(finished).isNotEmpty().hasSizeLessThan(ROWS);
        assertThat(run().rowsFromEarlierRuns()).isEqualTo(finished.size());
        assertThat(results())
                .extracting(row -> row.<String>getList(row.fieldIndex("texts")).get(2))
                .containsExactlyElementsOf(
                        prompts(ROWS).stream().map(prompt -> prompt + " c").toList());
        assertThat(script().computed).hasSize(3 * ROWS);
        assertThat(finished.stream().flatMap(prompt -> Stream.of(prompt + " a", prompt + " b", prompt + " c")))
                .allMatch(prompt -> script().computed.get(prompt).get() == 1);
    }

    @Test
    void aFailedEngineCostsNoRow() {
        input(1, prompts(ROWS));
        script().answersBeforeFailure.set(40);
        assertThat(run().errors()).isZero();
        assertThat(script().opened).hasValue(2);
        assertThat(results()).hasSize(ROWS);
    }

    @Test
    void oneErrorFailsTheRow() {
        input(1, prompts(ROWS));
        script().capacity.set(1);
        script().refused.addAll(List.of("prompt 3 a", "prompt 4 b", "prompt 5 c", "prompt 6 b", "prompt 6 c"));
        assertThat(run().errors()).isEqualTo(4);
        assertThat(results().subList(3, 7))
                .extracting(row -> row.<String>getAs("error_message"))
                .containsExactly(
                        "engine refused the prompt: prompt 3 a (as told)",
                        "engine refused the prompt: prompt 4 b (as told)",
                        "engine refused the prompt: prompt 5 c (as told)",
                        "engine refused the prompt: prompt 6 b (as told)");
        assertThat(results().get(3).isNullAt(1)).isTrue();
        assertThat(script().computed)
                .as("after the error")
                .doesNotContainKeys("prompt 3 b", "prompt 3 c", "prompt 4 c", "prompt 6 c")
                .containsKeys("prompt 4 a", "prompt 5 b");
    }

    @Test
    void aRowWithOnePoisonousRequestIsQuarantined() {
        input(1, prompts(ROWS));
        script().poison.add("prompt 30 c");
        GenerateReport report = run();
        assertThat(report.errors()).isEqualTo(1);
        assertThat(results().get(30).<String>getAs("error")).isEqualTo("quarantined");
        assertThat(results().get(30).<Integer>getAs("attempts")).isEqualTo(4);
    }

    @Test
    void whatADeadlineLeavesIsWholeRows() {
        input(1, prompts(ROWS));
        script().answerMs.set(150);
        values = values.with(Settings.DEADLINE, Settings.DEADLINE.parse("4s"));
        GenerateReport first = run();
        assertThat(first.rowsLeft()).as("of 27 s for both tasks").isBetween(1L, (long) ROWS);
        int computed = script().computations();
        assertThat(computed).isGreaterThanOrEqualTo((int) (3 * first.rows()));

        script().answerMs.set(0);
        values = values.with(Settings.DEADLINE, Settings.DEADLINE.parse("1h"));
        GenerateReport second = run();
        assertThat(second.rowsFromEarlierRuns()).isEqualTo(first.rows());
        assertThat(script().computations() - computed).isEqualTo((int) (3 * first.rowsLeft()));
        assertThat(results()).hasSize(ROWS);
    }

    /** Continues every prompt with each of three letters. */
    private record Thrice() implements RowKind {
        private static final long serialVersionUID = 1L;
        private static final ObjectMapper JSON = new ObjectMapper();

        @Override
        public List<RowRequest> requests(RowInput row, Decoding job) throws RowFault {
            return Stream.of(" a", " b", " c")
                    .map(end -> new RowRequest(new Prompt.Text(row.prompt() + end), job))
                    .toList();
        }

        @Override
        public Optional<String> answer(List<Output> outputs) {
            ArrayNode texts = JSON.createArrayNode();
            outputs.forEach(output -> texts.add(output.text()));
            long tokens = outputs.stream()
                    .mapToLong(output -> output.generation().tokens().length)
                    .sum();
            return Optional.of(JSON.createObjectNode()
                    .put("tokens", tokens)
                    .set("texts", texts)
                    .toString());
        }

        @Override
        public Map<String, Column> columns() {
            Column answer = from_json(
                    col("answer"),
                    new StructType()
                            .add("texts", DataTypes.createArrayType(DataTypes.StringType))
                            .add("tokens", DataTypes.LongType));
            Map<String, Column> columns = new LinkedHashMap<>();
            columns.put("texts", answer.getField("texts"));
            columns.put("tokens", answer.getField("tokens"));
            return columns;
        }

        @Override
        public Set<String> leftOut() {
            return Set.of("text", "finish_reason", "ttft_ms", "tpot_ms");
        }
    }
}
