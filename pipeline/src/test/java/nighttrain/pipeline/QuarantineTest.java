package nighttrain.pipeline;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import nighttrain.io.journal.AttemptLog;
import nighttrain.io.journal.AttemptLog.RowAttempt;
import nighttrain.io.journal.Journal;
import nighttrain.io.table.Summary;
import nighttrain.io.table.SummaryFile;
import nighttrain.pipeline.job.JobFolder;
import nighttrain.pipeline.testing.JobTest;
import org.apache.hadoop.conf.Configuration;
import org.apache.spark.SparkException;
import org.apache.spark.sql.Row;
import org.junit.jupiter.api.Test;

/** Checks that a job continues without poison rows and blames no other rows. */
class QuarantineTest extends JobTest {
    private static final int ROWS = 60;

    @Test
    void aRowThatBreaksTheEngineIsQuarantinedAndItsCompanyIsNot() {
        input(1, prompts(ROWS));
        script().poison.add("prompt 30");
        GenerateReport report = run();
        assertThat(report.rows()).isEqualTo(ROWS);
        assertThat(report.errors()).isEqualTo(1);
        assertThat(quarantined()).containsExactly("prompt 30");
        assertThat(results().get(30).<String>getAs("error_message"))
                .isEqualTo(
                        "row crashed its executor: 4 attempts, the last 2 isolated (see the executor's log; fix or remove the row)");
        assertThat(results().get(30).<Integer>getAs("attempts")).isEqualTo(4);
        assertThat(attempts()).as("of rows that saw no death").contains(1);
        assertThat(script().computed.values()).allMatch(times -> times.get() == 1);
        assertThat(script().computed).hasSize(ROWS - 1);
    }

    @Test
    void theSummaryTells() {
        input(1, prompts(ROWS));
        script().poison.add("prompt 2");
        run();
        JobFolder folder = JobFolder.of(output().toString(), new Configuration());
        Summary summary = SummaryFile.read(folder.fs(), folder.summary());
        assertThat(summary.incidents().rowsQuarantined()).isEqualTo(1);
        assertThat(summary.incidents().tasksFailed())
                .as("its own task four times, and a neighbour on the same engine")
                .isBetween(4L, 8L);
        assertThat(summary.incidents().rowsRetried())
                .isEqualTo(attempts().stream().filter(times -> times > 1).count());
        assertThat(summary.incidents().executorsLost()).isZero();
    }

    /** Spark fails a task here after three failures, and the job with it, as if the whole process had died. */
    @Test
    void laterRunsKnowWhatEarlierOnesDiedOf() {
        input(1, prompts(ROWS));
        script().poison.addAll(List.of("prompt 0", "prompt 25", "prompt 50"));
        List<Throwable> failures = new ArrayList<>();
        while (failures.size() < 6 && !output().resolve("summary.json").toFile().exists()) {
            try {
                run();
            } catch (Exception failed) {
                failures.add(failed);
            }
        }
        assertThat(failures)
                .isNotEmpty()
                .allSatisfy(failed -> assertThat(failed)
                        .isInstanceOf(SparkException.class)
                        .hasMessageContaining("the engine was told to fail"));
        assertThat(quarantined()).containsExactly("prompt 0", "prompt 25", "prompt 50");
        assertThat(script().computed).hasSize(ROWS - 3);
        assertThat(script().computed.values()).allMatch(times -> times.get() == 1);
    }

    @Test
    void aFailureOfTheTaskAloneBlamesNoRow() throws InterruptedException {
        input(1, prompts(ROWS));
        script().answerMs.set(20);
        runAndCancelAfter(5);
        assertThat(tries()).isNotEmpty().allMatch(RowAttempt::released);

        script().answerMs.set(0);
        assertThat(run().errors()).isZero();
        assertThat(attempts()).contains(2);
    }

    private List<Integer> attempts() {
        return results().stream().map(row -> row.<Integer>getAs("attempts")).toList();
    }

    /** Returns the rows that a run left in flight. */
    private List<RowAttempt> tries() {
        Journal journal = journal();
        return AttemptLog.files(journal, "").stream()
                .flatMap(file -> AttemptLog.read(journal.fs(), file).stream())
                .toList();
    }

    private List<String> quarantined() {
        Stream<Row> rows = results().stream().filter(row -> "quarantined".equals(row.getAs("error")));
        return rows.map(row -> "prompt " + row.<String>getAs("id").replaceAll(".*:", ""))
                .toList();
    }
}
