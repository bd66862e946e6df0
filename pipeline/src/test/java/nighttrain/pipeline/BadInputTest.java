package nighttrain.pipeline;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.util.List;
import nighttrain.io.UserError;
import nighttrain.io.spec.StateFormat;
import nighttrain.pipeline.settings.Settings;
import nighttrain.pipeline.testing.JobTest;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Errors of a whole job give one line with the way out, and nothing is written. */
class BadInputTest extends JobTest {
    @AfterEach
    void nothingWasWritten() {
        assertThat(output()).doesNotExist();
        assertThat(script().opened).hasValue(0);
    }

    @Test
    void inputPathMissing() {
        refuses("input not found: " + dir.resolve("input") + " (no such file or directory; check --input)");
    }

    @Test
    void inputDirectoryEmpty() throws IOException {
        Files.createDirectory(dir.resolve("input"));
        refuses("input is empty: " + dir.resolve("input") + " (no file is in it; check --input)");
    }

    @Test
    void inputIsNotParquet() throws IOException {
        Files.createDirectory(dir.resolve("input"));
        Files.writeString(dir.resolve("input/a.txt"), "not a table");
        assertThatThrownBy(this::run)
                .isInstanceOf(UserError.class)
                .hasMessageStartingWith("cannot read Parquet file: a.txt (")
                .hasMessageContaining("/input/a.txt is not a Parquet file (length is too low: 11); ")
                .hasMessageEndingWith(" or give --format NAME if it is not Parquet)")
                .message()
                .doesNotContain("\n");
    }

    @Test
    void nameOfAnotherFormat() throws IOException {
        Files.createDirectory(dir.resolve("input"));
        Files.writeString(dir.resolve("input/tickets.csv"), "id,text\n1,Hello\n");
        refuses(
                "cannot read Parquet file: tickets.csv (its name is that of another format; give --format csv, or choose"
                        + " among the files by --format-option pathGlobFilter=*.parquet)");
    }

    @Test
    void unknownFormat() {
        input(1, prompts(1));
        values = values.with(Settings.FORMAT, "nonsense");
        refuses("unknown format: nonsense (Spark has no source of that name; use parquet, csv, jsonl, orc, text or"
                + " openai-batch, or add the source's jar by --conf spark.jars)");
    }

    @Test
    void noSuchColumn() {
        input(1, prompts(1));
        values = values.with(Settings.PROMPT_COLUMN, "promt");
        refuses(
                "no such column: promt (named by --prompt-column; the input's columns are key, prompt; check the name)");
    }

    @Test
    void noSuchColumnInATemplate() {
        input(1, prompts(1));
        values = values.with(Settings.PROMPT_TEXT, "Sum up {title}");
        refuses("no such column: title (named by --prompt; the input's columns are key, prompt; check the name)");
    }

    @Test
    void noSuchColumnToKeep() {
        input(1, prompts(1));
        values = values.with(Settings.KEEP_COLUMNS, List.of("key", "nothing"));
        refuses("no such column: nothing (named by --keep-columns; the input's columns are key, prompt;"
                + " check the name)");
    }

    @Test
    void columnToKeepHasATakenName() {
        table(
                        List.<Row>of(RowFactory.create("a", "b")),
                        new StructType().add("prompt", DataTypes.StringType).add("Text", DataTypes.StringType))
                .write()
                .parquet(dir.resolve("input").toString());
        values = values.with(Settings.KEEP_COLUMNS, List.of("Text"));
        refuses("cannot keep column: Text (results have a column of that name; rename it in the input)");
    }

    @Test
    void promptColumnIsANumber() {
        input(1, prompts(1));
        values = values.with(Settings.PROMPT_COLUMN, "key");
        refuses("wrong column type: key is bigint (a prompt is text; use --prompt \"{key}\" to write it as text,"
                + " or --messages-column for conversations)");
    }

    @Test
    void messagesColumnIsANumber() {
        input(1, prompts(1));
        values = values.with(Settings.MESSAGES_COLUMN, "key");
        refuses(
                "wrong column type: key is bigint (a conversation is a list of {role, content} or the same as JSON text;"
                        + " use --prompt-column for text)");
    }

    @Test
    void noColumnLooksLikeAPrompt() {
        spark.range(3).write().parquet(dir.resolve("input").toString());
        refuses("no column called prompt or messages: id (the input's columns;"
                + " name one by --prompt-column or --messages-column, or give --prompt)");
    }

    /** The tokenizer's tokens are bytes. */
    @Test
    void noTextOfTheConstraintFitsInMaxTokens() {
        input(1, prompts(1));
        values = values.with(Settings.MAX_TOKENS, 3).with(Settings.CHOICES, List.of("billing", "pays"));
        refuses("bad value of --max-tokens: 3 (the constraint needs 4; use at least that)");
        values = values.with(Settings.MAX_TOKENS, 4).with(Settings.CHOICES, List.of("pays", "pays"));
        assertThatThrownBy(this::run)
                .isInstanceOf(UserError.class)
                .hasMessageStartingWith("choice given twice: pays (");
    }

    @Test
    void anOptionThatTheModelHasNoUseFor() {
        input(1, prompts(1));
        values = values.with(Settings.STATE_DTYPE, StateFormat.BF16);
        refuses("bad value of --state-dtype: bf16 (it is for recurrent layers, of which there are none; leave it out)");
    }

    @Test
    void modelDirectoryMissing() {
        input(1, prompts(1));
        values = values.with(Settings.MODEL, dir.resolve("nowhere").toString());
        assertThatThrownBy(this::run)
                .isInstanceOf(UserError.class)
                .hasMessageContaining(dir.resolve("nowhere").toString());
    }

    @Test
    void tokenizerMissing() throws IOException {
        input(1, prompts(1));
        Files.delete(dir.resolve("model/tokenizer.json"));
        assertThatThrownBy(this::run)
                .isInstanceOf(UserError.class)
                .hasMessageStartingWith("no tokenizer.json in the model directory: " + dir.resolve("model"));
    }

    @Test
    void chatTemplateMissing() throws IOException {
        input(1, prompts(1));
        values = values.with(Settings.SYSTEM, "Be brief.");
        Files.writeString(dir.resolve("model/tokenizer_config.json"), "{}");
        assertThatThrownBy(this::run).isInstanceOf(UserError.class).hasMessageContaining("chat");
    }
}
