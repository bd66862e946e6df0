package nighttrain.pipeline.order;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import nighttrain.pipeline.testing.TestSpark;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.functions;
import org.junit.jupiter.api.Test;

class FeedOrderTest {
    private final SparkSession spark = TestSpark.session();

    @Test
    void smallInputsStillFeedEverySlot() {
        assertThat(FeedOrder.of(spark.sparkContext(), 500, 1, 256).tasks()).isEqualTo(2);
        assertThat(FeedOrder.of(spark.sparkContext(), 1, 1, 256).tasks()).isEqualTo(1);
        assertThat(FeedOrder.of(spark.sparkContext(), 1_000_000, 1, 256).tasks())
                .isEqualTo(16);
    }

    @Test
    void neighboursStayTogetherAndTasksAreEven() {
        Dataset<Row> prompts = spark.range(0, 1000, 1, 7).selectExpr("999 - id as position", "0 as sample");
        List<Row> tasks = new FeedOrder(3, 1000)
                .deal(prompts)
                .select(functions.spark_partition_id().as("task"), functions.col("position"))
                .groupBy("task")
                .agg(functions.count("position").as("rows"), functions.min("position"), functions.max("position"))
                .orderBy("task")
                .collectAsList();
        assertThat(tasks).extracting(row -> row.getLong(1)).containsExactly(334L, 333L, 333L);
        assertThat(tasks).extracting(row -> row.getLong(2)).containsExactly(0L, 334L, 667L);
        assertThat(tasks).extracting(row -> row.getLong(3)).containsExactly(333L, 666L, 999L);
    }
}
