package nighttrain.jobs;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import nighttrain.jobs.cli.ExitCode;
import org.apache.spark.sql.Row;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Rows that cannot be completed get an error of their own and the others are completed; the exit code tells if too many failed. */
class RowErrorsIT {
    private static final String TOO_LONG = " (at most 511 in a context of 512; use --truncate left or right, or raise"
            + " --max-model-len if the model allows it),error]";

    @TempDir
    static Path shared;

    private static Path model;
    private static Path input;

    @TempDir
    Path folder;

    private Path output;

    @BeforeAll
    static void rows() throws IOException {
        model = TinyModel.in(shared.resolve("model"));
        input = Results.write(shared.resolve("prompts"), """
                select * from values
                  ('nothing', cast(null as string)),
                  ('empty', ''),
                  ('long', repeat('late parcel ', 2000)),
                  ('1 MB', repeat('x', 1048576)),
                  ('non-BMP', 'Ticket: my \uD83D\uDE82 set \uD834\uDD1E is late\\nAnswer:'),
                  ('plain', 'Ticket: my parcel is late\\nAnswer:')
                as rows(id, prompt)""");
    }

    @BeforeEach
    void place() {
        output = folder.resolve("out");
    }

    @Test
    void tooManyEndWithCode3() {
        Outcome outcome = generate();

        assertThat(outcome.exitCode()).isEqualTo(ExitCode.TOO_MANY_ROW_ERRORS);
        assertThat(outcome.out()).startsWith("6 rows, 4 errors in ");
        assertThat(outcome.messages())
                .last() // a slow machine prints progress before it
                .isEqualTo(
                        "too many rows failed: 4 of 6 (2 prompt_too_long, 1 empty_prompt, 1 null_prompt; --max-row-errors allows 5%;"
                                + " see error_message in the results, then try these rows again with --retry-errors, run them"
                                + " corrected as another job, or raise --max-row-errors)");
    }

    @Test
    void asManyAsAllowedEndWithCode0() {
        assertThat(generate("--max-row-errors", "4").exitCode()).isEqualTo(ExitCode.FINISHED);
        List<Row> rows = Results.rows(output, "id", "text is null", "error", "error_message", "finish_reason");
        assertThat(rows)
                .extracting(Row::toString)
                .containsExactly(
                        "[nothing,true,null_prompt,prompt is null: row nothing, column prompt (text is needed; fill it or leave the row out),error]",
                        "[empty,true,empty_prompt,prompt is empty: 0 tokens (at least 1; fill it or leave the row out),error]",
                        "[long,true,prompt_too_long,prompt too long: 6001 tokens" + TOO_LONG,
                        "[1 MB,true,prompt_too_long,prompt too long: 1048576 tokens" + TOO_LONG,
                        "[non-BMP,false,null,null,length]",
                        "[plain,false,null,null,length]");
    }

    /** NaN in the weights: every row fails, the job says why, and the next run finds the job finished. */
    @Test
    void aModelThatYieldsNaNFailsEveryRowAndTheJobSaysSo() throws IOException {
        ModelCopy poisoned = ModelCopy.in(folder.resolve("poisoned"));
        poisoned.poison("model.norm.weight");
        String[] command = Demo.command(
                poisoned.dir(),
                Results.write(
                        folder.resolve("sound"), "select * from values ('late'), ('lost'), ('broken') as rows(prompt)"),
                output,
                "--max-tokens",
                "4");
        String all =
                "every row failed, 3 in all: logits are not finite: NaN at output token 1 (the checkpoint holds NaN or"
                        + " infinity, or values overflow bf16; check the weights, or compute in fp32 with --backend cpu)";
        for (int run = 0; run < 2; run++) {
            Outcome outcome = Outcome.of(command);
            assertThat(outcome.exitCode()).isEqualTo(ExitCode.TOO_MANY_ROW_ERRORS);
            assertThat(outcome.messages()).last().isEqualTo(all);
            assertThat(outcome.out()).contains(run == 0 ? "3 rows, 3 errors in " : "3 rows, 3 errors");
        }
        assertThat(Results.rows(output, "error", "text is null", "attempts", "output_tokens"))
                .extracting(Row::toString)
                .containsExactly(
                        "[logits_not_finite,true,1,0]", "[logits_not_finite,true,1,0]", "[logits_not_finite,true,1,0]");
    }

    private Outcome generate(String... options) {
        List<String> all = new ArrayList<>(TinyModel.OPTIONS);
        all.addAll(List.of("--id-column", "id", "--max-tokens", "4"));
        all.addAll(List.of(options));
        return Outcome.of(Demo.command(model, input, output, all.toArray(String[]::new)));
    }
}
