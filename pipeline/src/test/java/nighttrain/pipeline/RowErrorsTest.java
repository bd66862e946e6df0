package nighttrain.pipeline;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import nighttrain.io.text.Truncation;
import nighttrain.pipeline.settings.MaxRowErrors;
import nighttrain.pipeline.settings.Settings;
import nighttrain.pipeline.testing.JobTest;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.junit.jupiter.api.Test;

/** Checks that a bad row fails without affecting others. */
class RowErrorsTest extends JobTest {
    private static final String TRAIN = "night \ud83d\ude82 train";

    @Test
    void badPromptsGetAnErrorOfTheirOwn() {
        input(1, Arrays.asList("fine", null, "", "x".repeat(1 << 20), TRAIN, "y".repeat(64)));
        GenerateReport report = run();
        List<Row> rows = results();
        assertThat(rows)
                .extracting(row -> row.<String>getAs("error"))
                .containsExactly(null, "null_prompt", "empty_prompt", "prompt_too_long", null, "prompt_too_long");
        assertThat(rows.get(1).<String>getAs("error_message"))
                .matches("prompt is null: row .*:1, column prompt \\(text is needed; fill it or leave the row out\\)");
        assertThat(rows.get(2).<String>getAs("error_message"))
                .isEqualTo("prompt is empty: 0 tokens (at least 1; fill it or leave the row out)");
        assertThat(rows.get(3).<String>getAs("error_message"))
                .isEqualTo("prompt too long: 1048576 tokens (at most 63 in a context of 64;"
                        + " use --truncate left or right, or raise --max-model-len if the model allows it)");
        assertThat(rows.get(1).<String>getAs("finish_reason")).isEqualTo("error");
        assertThat(rows.get(1).<String>getAs("text")).isNull();
        assertThat(rows.get(4).<String>getAs("text")).isEqualTo(TRAIN);
        assertThat(report.errors()).isEqualTo(4);
        assertThat(report.tooManyErrors()).isTrue();
    }

    @Test
    void longPromptsAreCutWhereAskedFor() {
        input(1, List.of("ab".repeat(100) + "the end"));
        values = values.with(Settings.TRUNCATE, Truncation.LEFT).with(Settings.MAX_TOKENS, 14);
        run();
        Row row = results().get(0);
        assertThat(row.<Integer>getAs("prompt_tokens")).isEqualTo(50);
        assertThat(row.<String>getAs("text")).startsWith("babab").hasSize(14);
        assertThat(script().computed.keySet()).allMatch(prompt -> prompt.endsWith("the end"));
    }

    @Test
    void conversationsAreWrittenByTheTemplate() {
        StructType turn = new StructType().add("role", DataTypes.StringType).add("content", DataTypes.StringType);
        table(
                        List.of(
                                RowFactory.create((Object) new Row[] {RowFactory.create("user", "Hi")}),
                                RowFactory.create((Object) new Row[] {RowFactory.create("user", null)}),
                                RowFactory.create((Object) new Row[] {}),
                                RowFactory.create((Object) null)),
                        new StructType().add("messages", DataTypes.createArrayType(turn)))
                .coalesce(1)
                .write()
                .parquet(dir.resolve("input").toString());
        values = values.with(Settings.SYSTEM, "Be brief.");
        run();
        List<Row> rows = results();
        assertThat(rows.get(0).<String>getAs("text")).isEqualTo("<system>Be brief.<user>Hi<assistant>");
        assertThat(rows)
                .extracting(row -> row.<String>getAs("error"))
                .containsExactly(null, "bad_messages", "empty_prompt", "null_prompt");
    }

    @Test
    void conversationsMayBeJson() {
        input(1, List.of("[{\"role\":\"user\",\"content\":\"Hi\"}]", "{\"role\":", "\"Hi\""));
        values = values.with(Settings.MESSAGES_COLUMN, "prompt").with(Settings.MAX_ROW_ERRORS, MaxRowErrors.share(0.7));
        assertThat(run().tooManyErrors()).as("2 of 3 are allowed").isFalse();
        List<Row> rows = results();
        assertThat(rows.get(0).<String>getAs("text")).isEqualTo("<user>Hi<assistant>");
        assertThat(rows.get(1).<String>getAs("error_message"))
                .isEqualTo(
                        "bad conversation: {\"role\": (a list of objects with role and content, both text; mend the row)");
        assertThat(rows.get(2).<String>getAs("error")).isEqualTo("bad_messages");
    }

    @Test
    void systemMakesAPromptAConversation() {
        input(1, List.of("Hi"));
        values = values.with(Settings.SYSTEM, "Be brief.");
        run();
        assertThat(results().get(0).<String>getAs("text")).isEqualTo("<system>Be brief.<user>Hi<assistant>");
    }

    @Test
    void anotherChatTemplateWithItsVariables() throws IOException {
        Path template = Files.writeString(Files.createTempDirectory("template").resolve("t.jinja"), """
                {{ greeting }}{% for m in messages %}[{{ m.role }} {{ m.content }}]{% endfor %}{{ deep.a[1] }}""");
        input(1, List.of("[{\"role\":\"user\",\"content\":\"False\"}]"));
        values = values.with(Settings.MESSAGES_COLUMN, "prompt")
                .with(Settings.CHAT_TEMPLATE, template.toString())
                .with(Settings.CHAT_TEMPLATE_ARGS, "{\"greeting\": \"Hey\", \"deep\": {\"a\": [1, true]}}");
        run();
        assertThat(results().get(0).<String>getAs("text")).isEqualTo("Hey[user False]True");
    }
}
