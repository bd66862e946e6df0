package nighttrain.pipeline;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.util.List;
import java.util.stream.IntStream;
import nighttrain.pipeline.settings.Settings;
import nighttrain.pipeline.testing.JobTest;
import org.apache.spark.sql.Row;
import org.junit.jupiter.api.Test;

class GenerateJobTest extends JobTest {
    @Test
    void everyRowOnceAndInOrder() {
        input(3, prompts(100));
        GenerateReport report = run();
        assertThat(results()).extracting(row -> row.<String>getAs("text")).containsExactlyElementsOf(prompts(100));
        assertThat(script().computed).hasSize(100);
        assertThat(script().computations()).isEqualTo(100);
        assertThat(report.rows()).isEqualTo(100);
        assertThat(report.errors()).isZero();
    }

    @Test
    void columnsAreThoseOfTheContractAndValuesWhatTheEngineSaid() {
        input(1, prompts(2));
        values = values.with(Settings.MAX_TOKENS, 5).with(Settings.KEEP_COLUMNS, List.of("key"));
        run();
        Row row = results().get(1);
        assertThat(row.schema().fieldNames())
                .containsExactly(
                        "id",
                        "key",
                        "text",
                        "finish_reason",
                        "prompt_tokens",
                        "output_tokens",
                        "error",
                        "error_message",
                        "ttft_ms",
                        "tpot_ms",
                        "e2e_ms",
                        "attempts",
                        "executor");
        assertThat(row.<String>getAs("id")).matches("part-.*\\.parquet:1");
        assertThat(row.<String>getAs("text")).isEqualTo("promp");
        assertThat(row.<String>getAs("finish_reason")).isEqualTo("length");
        assertThat(row.<Integer>getAs("prompt_tokens")).isEqualTo(8);
        assertThat(row.<Integer>getAs("output_tokens")).isEqualTo(5);
        assertThat(row.<Double>getAs("ttft_ms")).isEqualTo(2);
        assertThat(row.<Double>getAs("tpot_ms")).isEqualTo(2);
        assertThat(row.<Double>getAs("e2e_ms")).isEqualTo(10);
        assertThat(row.<Integer>getAs("attempts")).isEqualTo(1);
        assertThat(row.<String>getAs("executor")).isEqualTo("driver");
        assertThat(row.<String>getAs("error")).isNull();
    }

    @Test
    void aCompleteJobIsTidyAndNotRunAgain() {
        input(1, prompts(3));
        run();
        assertThat(output().resolve("_nighttrain"))
                .isDirectoryContaining(file -> file.endsWith("job.json"))
                .isDirectoryNotContaining(file -> Files.isDirectory(file))
                .isDirectoryNotContaining("glob:**/lock-*");
        GenerateReport again = run();
        assertThat(again.wasComplete()).isTrue();
        assertThat(again.rows()).isEqualTo(3);
        assertThat(script().computations()).isEqualTo(3);
    }

    @Test
    void samplesOfARowStandTogether() {
        input(1, prompts(4));
        // The ids come from a column: default ids contain a file name that Spark chooses at random, and samples depend
        // on the id.
        values = values.with(Settings.SAMPLES, 3)
                .with(Settings.TEMPERATURE, 1.0)
                .with(Settings.ID_COLUMN, "key")
                .with(Settings.SEED, 1L);
        run();
        assertThat(results()).hasSize(12);
        assertThat(results())
                .extracting(row -> row.<Integer>getAs("sample"))
                .containsExactlyElementsOf(
                        IntStream.range(0, 12).map(i -> i % 3).boxed().toList());
        assertThat(results().subList(0, 3))
                .extracting(row -> row.<String>getAs("text"))
                .allMatch(text -> text.substring(1).equals("prompt 0"))
                .doesNotHaveDuplicates();
    }
}
