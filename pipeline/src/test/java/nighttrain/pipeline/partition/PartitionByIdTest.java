package nighttrain.pipeline.partition;

import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.expr;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.spark_partition_id;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import nighttrain.pipeline.testing.TestSpark;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Encoders;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class PartitionByIdTest {
    @ParameterizedTest
    @ValueSource(ints = {1, 2, 7, 200})
    void everyRowIsInThePartitionOfItsId(int partitions) {
        for (SparkSession spark : List.of(TestSpark.session(), TestSpark.compiling())) {
            Dataset<Row> rows =
                    spark.range(3L * partitions).selectExpr("id", "cast(id % " + partitions + " as int) as part");

            Dataset<Row> moved = PartitionById.of(rows, partitions, col("part"));

            List<Row> found =
                    moved.select(col("id"), col("part"), spark_partition_id()).collectAsList();
            assertThat(found).allMatch(row -> row.getInt(1) == row.getInt(2));
            assertThat(found)
                    .extracting(row -> row.getLong(0))
                    .containsExactlyInAnyOrderElementsOf(
                            LongStream.range(0, 3L * partitions).boxed().toList());
        }
    }

    /** Adaptive execution merges small partitions of other shuffles. */
    @Test
    void emptyPartitionsStay() {
        for (SparkSession spark : List.of(TestSpark.session(), TestSpark.compiling())) {
            Dataset<Row> rows = spark.range(10).select(col("id"), lit(5).as("part"));

            assertThat(PartitionById.of(rows, 40, col("part")).rdd().getNumPartitions())
                    .isEqualTo(40);
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 64, 1_000, 5_000})
    void sparkHashesTheKeyOfAPartitionToIt(int partitions) {
        int[] keys = PartitionById.keys(partitions);
        Dataset<Integer> asked =
                TestSpark.session().createDataset(Arrays.stream(keys).boxed().toList(), Encoders.INT());

        assertThat(asked.coalesce(1)
                        .select(expr("pmod(hash(value), " + partitions + ")").as("partition"))
                        .as(Encoders.INT())
                        .collectAsList())
                .isEqualTo(IntStream.range(0, partitions).boxed().toList());
    }
}
