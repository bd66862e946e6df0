package nighttrain.jobs;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.List;
import org.apache.spark.sql.Row;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Rows that cannot be completed get an error of their own; the others are completed, and the exit code tells how many are too many. */
class RowErrorsTest {
    @TempDir
    Path folder;

    private Path input;
    private Path output;

    @BeforeEach
    void rows() {
        output = folder.resolve("out");
        input = Results.write(folder.resolve("prompts"), """
                select * from values
                  ('null', cast(null as string)),
                  ('empty', ''),
                  ('long', repeat('late parcel ', 2000)),
                  ('1 MB', repeat('x', 1048576)),
                  ('non-BMP', 'Ticket: my \uD83D\uDE82 set \uD834\uDD1E is late\\nAnswer:'),
                  ('plain', 'Ticket: my parcel is late\\nAnswer:')
                as rows(id, prompt)""");
    }

    @Test
    void tooManyEndWithCode3() {
        Outcome outcome = generate();

        assertThat(outcome.exitCode()).isEqualTo(ExitCode.TOO_MANY_ROW_ERRORS);
        assertThat(outcome.out()).startsWith("6 rows, 4 errors in ");
        assertThat(outcome.messages()).containsExactly("MESSAGE");
    }

    @Test
    void asManyAsAllowedEndWithCode0() {
        assertThat(generate("--max-row-errors", "4").exitCode()).isEqualTo(ExitCode.FINISHED);
        List<Row> rows = Results.rows(output, "id", "text is null", "error", "error_message", "finish_reason");
        assertThat(rows).extracting(Row::toString).containsExactly("MESSAGE");
    }

    private Outcome generate(String... options) {
        String[] all = new String[options.length + 4];
        System.arraycopy(new String[] {"--id-column", "id", "--max-tokens", "4"}, 0, all, 0, 4);
        System.arraycopy(options, 0, all, 4, options.length);
        return Outcome.of(Demo.command(Project.DEMO_MODEL, input, output, all));
    }
}
