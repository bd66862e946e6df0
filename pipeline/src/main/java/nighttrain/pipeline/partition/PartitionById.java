package nighttrain.pipeline.partition;

import static org.apache.spark.sql.functions.get;
import static org.apache.spark.sql.functions.lit;

import java.util.Arrays;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.unsafe.hash.Murmur3_x86_32;

/**
 * Sends each row to the partition with its id. Spark before 4.1 partitions only by hashes, so the shuffle's key is a number whose hash
 * selects that partition.
 */
public final class PartitionById {
    /** The seed of Spark's hash partitioning. */
    private static final int SEED = 42;

    private PartitionById() {}

    /** Returns {@code rows} in {@code partitions} partitions; {@code id} is an int of 0 to {@code partitions - 1}. */
    public static Dataset<Row> of(Dataset<Row> rows, int partitions, Column id) {
        return rows.repartition(partitions, get(lit(keys(partitions)), id));
    }

    /** Returns for each partition a number that Spark's hash partitioning sends there. */
    static int[] keys(int partitions) {
        int[] keys = new int[partitions];
        Arrays.fill(keys, -1);
        int found = 0;
        for (int key = 0; found < partitions; key++) {
            int partition = Math.floorMod(Murmur3_x86_32.hashInt(key, SEED), partitions);
            if (keys[partition] < 0) {
                keys[partition] = key;
                found++;
            }
        }
        return keys;
    }
}
