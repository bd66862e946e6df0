package nighttrain.pipeline;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import nighttrain.pipeline.settings.Settings;
import nighttrain.pipeline.testing.JobTest;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.types.ArrayType;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Reads conversations in the forms that table columns have. */
class MessagesColumnTest extends JobTest {
    private static final StructType TURN =
            new StructType().add("role", DataTypes.StringType).add("content", DataTypes.StringType);

    @ParameterizedTest
    @CsvSource({
        "messages-content-parts,messages",
        "messages-list-of-maps,messages",
        "messages-sharegpt,conversations",
    })
    void conversationsAsOthersWriteThem(String file, String column) {
        values = values.with(
                        Settings.INPUT_PATH,
                        Path.of("src/test/resources/cases", file + ".parquet").toString())
                .with(Settings.MESSAGES_COLUMN, column);

        run();

        assertThat(results())
                .extracting(row -> row.<String>getAs("text"))
                .containsExactly(
                        "<user>Ticket 0: my lamp is broken<assistant>",
                        "<user>Ticket 1: my lamp is broken<assistant>",
                        "<user>Ticket 2: my lamp is broken<assistant>",
                        "<user>Ticket 3: my lamp is broken<assistant>");
    }

    @Test
    void templatesSeeEveryFieldOfAMessage() throws IOException {
        Files.writeString(
                dir.resolve("model/chat_template.jinja"),
                "{% for m in messages %}{% if m.name %}({{ m.name }}){% endif %}"
                        + "{% for c in m.tool_calls %}[{{ c.id }}]{% endfor %}{{ m.content }}{% endfor %}");
        StructType call = new StructType().add("id", DataTypes.StringType);
        StructType turn = TURN.add("name", DataTypes.StringType).add("tool_calls", DataTypes.createArrayType(call));
        input(turn, RowFactory.create("user", "Hi", "bob", null), RowFactory.create("assistant", "So", null, new Row[] {
            RowFactory.create("t1")
        }));

        run();

        assertThat(results().get(0).<String>getAs("text")).isEqualTo("(bob)Hi[t1]So");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "array<struct<role:string,text:string>>",
                "array<struct<role:string,content:array<string>>>",
                "array<struct<role:string,content:array<struct<type:string,image:binary>>>>",
                "array<struct<from:string,value:int>>",
                "array<map<string,int>>",
                "array<string>",
                "struct<role:string,content:string>",
            })
    void otherTypesAreRefusedByName(String type) {
        DataType messages = DataType.fromDDL(type);
        table(List.of(RowFactory.create((Object) null)), new StructType().add("messages", messages))
                .write()
                .parquet(dir.resolve("input").toString());

        refuses("wrong column type: messages is " + messages.simpleString()
                + " (a conversation is a list of {role, content}"
                + " or the same as JSON text; use --prompt-column for text)");
    }

    private void input(StructType turn, Row... turns) {
        ArrayType type = DataTypes.createArrayType(turn);
        table(List.of(RowFactory.create((Object) turns)), new StructType().add("messages", type))
                .write()
                .parquet(dir.resolve("input").toString());
    }
}
