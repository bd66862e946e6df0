package nighttrain.pipeline.partition;

import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.count;
import static org.apache.spark.sql.functions.countDistinct;
import static org.apache.spark.sql.functions.max;
import static org.apache.spark.sql.functions.min;
import static org.apache.spark.sql.functions.spark_partition_id;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.Comparator;
import java.util.List;
import nighttrain.pipeline.testing.TestSpark;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Encoders;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.Test;

class PartitionPlanTest {
    private static final TokenEstimate ESTIMATE = new TokenEstimate(16, 100_000, TokenEstimate.CHARS_PER_TOKEN);
    private static final int MAX_NUM_SEQS = 8;

    private final SparkSession spark = TestSpark.session();

    @Test
    void whatRunsAtOnceIsSharedEvenly() {
        Dataset<Row> prompts = prompts(16, "repeat('x', cast(position as int))");
        assertThat(order(prompts).tasks()).isEqualTo(2);
        assertThat(tasks(prompts)).allMatch(task -> Math.abs(task.getLong(1) - 8) <= 1);
        assertThat(order(prompts(1, "'one'")).tasks()).isEqualTo(1);
    }

    @Test
    void longestFirstOverTasksAndWithinThem() {
        Dataset<Row> prompts =
                prompts(2000, "repeat(sha2(cast(position as string), 256), 1 + cast(30 * rand(3) as int))");
        List<Row> tasks = tasks(prompts);
        assertThat(tasks.size()).isGreaterThan(8);
        assertThat(tasks.stream().mapToLong(row -> row.getLong(1)).sum()).isEqualTo(2000);
        // Prompts of similar length are mixed: the first prompt of a task may be longer than the last one of the task
        // before.
        for (int next = 1; next < tasks.size(); next++) {
            assertThat(tasks.get(next).<Integer>getAs("longest"))
                    .isLessThan(2 * tasks.get(next - 1).<Integer>getAs("shortest") + 64);
        }
        List<Integer> tokens = dealt(prompts).filter("task = 0").collectAsList().stream()
                .map(row -> (row.<String>getAs("prompt").length() + 3) / 4)
                .toList();
        assertThat(tokens).isSortedAccordingTo(Comparator.reverseOrder());
    }

    @Test
    void whatBeginsAlikeGoesToOneTask() {
        // 200 documents with ten questions each, in no particular order.
        Dataset<Row> prompts =
                prompts(2000, "concat(repeat(sha2(cast(position * 7919 % 200 as string), 256), 4), uuid())");
        long documents = dealt(prompts)
                .groupBy(col("prompt").substr(1, 256))
                .agg(countDistinct("task").as("tasks"))
                .filter("tasks = 1")
                .count();
        assertThat(documents).isGreaterThan(190);
    }

    @Test
    void aGroupThatIsTooLargeForATaskIsCut() {
        // Every second prompt is about the same document.
        Dataset<Row> prompts = prompts(
                4000,
                "concat(repeat(sha2(cast(if(position % 2 = 0, -1, position * 7919 % 200) as string), 256), 4),"
                        + " uuid())");
        List<Row> tasks = tasks(prompts);
        assertThat(tasks).allMatch(task -> task.getLong(1) < 600);
    }

    /** The mean lengths size the engine. */
    @Test
    void aSurveyTellsTheMeanLengths() {
        assertThat(order(prompts(2000, "repeat('four', if(position % 2 = 0, 100, 300))"))
                        .lengths())
                .hasValueSatisfying(lengths -> {
                    assertThat(lengths.promptTokens()).isEqualTo(200);
                    assertThat(lengths.outputTokens()).isEqualTo((int) ESTIMATE.outputTokens());
                });
        assertThat(order(prompts(1, "'one'")).lengths()).as("no survey").isEmpty();
    }

    private PartitionPlan order(Dataset<Row> prompts) {
        return PartitionPlan.of(prompts, prompts.count(), ESTIMATE, MAX_NUM_SEQS);
    }

    private Dataset<Row> prompts(long rows, String text) {
        Dataset<Row> made = spark.range(0, rows, 1, 3)
                .selectExpr("id as position", "0 as sample", text + " as prompt", "cast(null as string) as messages")
                .selectExpr("*");
        return spark.createDataset(made.collectAsList(), Encoders.row(made.schema()));
    }

    private Dataset<Row> dealt(Dataset<Row> prompts) {
        return order(prompts).partition(prompts).withColumn("task", spark_partition_id());
    }

    /** Returns, per task, its number, its rows, and its longest and shortest prompt. */
    private List<Row> tasks(Dataset<Row> prompts) {
        return dealt(prompts)
                .selectExpr("task", "length(prompt) as chars")
                .groupBy("task")
                .agg(count("chars"), max("chars").as("longest"), min("chars").as("shortest"))
                .orderBy("task")
                .collectAsList();
    }
}
