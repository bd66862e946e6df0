package nighttrain.pipeline;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import nighttrain.io.table.Summary.Saved;
import nighttrain.io.table.SummaryFile;
import nighttrain.pipeline.job.JobFolder;
import nighttrain.pipeline.settings.MaxRowErrors;
import nighttrain.pipeline.settings.Settings;
import nighttrain.pipeline.testing.JobTest;
import org.apache.hadoop.conf.Configuration;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Checks that identical requests are computed once and that every row gets the answer. */
class DedupTest extends JobTest {
    /** More failures than the attempts that Spark allows a task. */
    private static final int ALWAYS = 100;

    /** The prompts {@code prompt 0} to {@code prompt 9}, six times. */
    private final List<String> repeated =
            IntStream.range(0, 60).mapToObj(i -> "prompt " + i % 10).toList();

    @BeforeEach
    void dedup() {
        values = values.with(Settings.DEDUP, true).with(Settings.ID_COLUMN, "key");
    }

    @Test
    void everyRowHasItsAnswerUnderItsOwnId() throws IOException {
        input(3, repeated);
        values = values.with(Settings.KEEP_COLUMNS, List.of("prompt"));
        GenerateReport report = run();
        assertThat(script().computed).hasSize(10);
        assertThat(script().computations()).isEqualTo(10);
        assertThat(report.rows()).isEqualTo(60);
        assertThat(report.tokens().prompt()).isEqualTo(60 * 8);
        assertThat(results()).extracting(row -> row.<String>getAs("text")).containsExactlyElementsOf(repeated);
        assertThat(results()).extracting(row -> row.<String>getAs("prompt")).containsExactlyElementsOf(repeated);
        assertThat(results())
                .extracting(row -> row.<String>getAs("id"))
                .containsExactlyElementsOf(
                        IntStream.range(0, 60).mapToObj(String::valueOf).toList());
        assertThat(saved()).isEqualTo(new Saved(0, 50, 50 * 16));
    }

    @Test
    void aResumedJobComputesNoRequestTwice() {
        input(2, repeated);
        script().answersBeforeFailure.set(4);
        script().failures.set(ALWAYS);
        assertThatThrownBy(this::run).hasStackTraceContaining("the engine was told to fail");
        int before = script().computations();
        assertThat(before).isBetween(1, 9);
        script().failures.set(0);
        GenerateReport report = run();
        assertThat(report.rowsFromEarlierRuns()).isEqualTo(before);
        assertThat(script().computations()).isEqualTo(10);
        assertThat(results()).extracting(row -> row.<String>getAs("text")).containsExactlyElementsOf(repeated);
    }

    @Test
    void aJobBegunWithoutItComputesOnlyWhatNobodyAskedYet() {
        List<String> thereAndBack = // so that later places of some are answered first
                IntStream.range(0, 60)
                        .mapToObj(i -> "prompt " + (i < 30 ? i % 10 : 9 - i % 10))
                        .toList();
        input(1, thereAndBack);
        values = values.with(Settings.DEDUP, false);
        script().answersBeforeFailure.set(8);
        script().failures.set(ALWAYS);
        assertThatThrownBy(this::run).hasStackTraceContaining("the engine was told to fail");
        int before = script().computations();
        int met = script().computed.size();
        assertThat(met).isBetween(1, 8);
        script().failures.set(0);
        values = values.with(Settings.DEDUP, true);
        run();
        assertThat(script().computed).hasSize(10);
        assertThat(script().computations()).isEqualTo(before + 10 - met);
        assertThat(results()).extracting(row -> row.<String>getAs("text")).containsExactlyElementsOf(thereAndBack);
    }

    @Test
    void samplesOfARowAreOneRequest() {
        input(1, prompts(4));
        values = values.with(Settings.SAMPLES, 3);
        run();
        assertThat(script().computations()).isEqualTo(4);
        assertThat(results()).hasSize(12);
        assertThat(results()).extracting(row -> row.<Integer>getAs("sample")).startsWith(0, 1, 2, 0);
    }

    @Test
    void errorsAreCopiedAndNullsNameTheirRows() {
        List<String> prompts = new ArrayList<>(Arrays.asList("", null, "a", "", null, "a"));
        input(1, prompts);
        values = values.with(Settings.MAX_ROW_ERRORS, MaxRowErrors.share(1));
        GenerateReport report = run();
        assertThat(report.errors()).isEqualTo(4);
        assertThat(results())
                .extracting(row -> row.<String>getAs("error"))
                .containsExactly("empty_prompt", "null_prompt", null, "empty_prompt", "null_prompt", null);
        assertThat(results().get(4).<String>getAs("error_message")).contains("row 4");
    }

    @Test
    void drawsAreNotShared() {
        input(1, repeated);
        values = values.with(Settings.TEMPERATURE, 0.7);
        refuses("--dedup needs greedy sampling: temperature 0.7"
                + " (each row samples a text of its own; leave out --dedup or --temperature)");
    }

    private Saved saved() throws IOException {
        JobFolder folder = JobFolder.of(output().toString(), new Configuration());
        return SummaryFile.read(folder.fs(), folder.summary()).saved();
    }
}
