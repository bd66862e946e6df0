package nighttrain.pipeline.order;

import static org.apache.spark.sql.functions.expr;

import nighttrain.pipeline.read.RowNames;
import org.apache.spark.SparkContext;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;

/**
 * Which task computes which prompts, and in which order. A prompt's task follows from its place in the input and from the
 * number of tasks alone: a task that Spark starts again meets the same prompts.
 *
 * @param tasks how many tasks share the prompts
 * @param rows rows of the whole input
 */
public record FeedOrder(int tasks, long rows) {
    /** More waves balance better over executors, but every wave's end leaves an engine less than full. */
    private static final int MOST_WAVES = 8;
    /** A task should feed its engine this many full batches. */
    private static final int BATCHES_PER_TASK = 4;

    /** For the executors that there are, whose engines run {@code maxNumSeqs} sequences at a time. */
    public static FeedOrder of(SparkContext spark, long rows, int samples, int maxNumSeqs) {
        int slots = Math.max(1, spark.defaultParallelism());
        long enough = (long) slots * BATCHES_PER_TASK * maxNumSeqs;
        long waves = Math.max(1, Math.min(MOST_WAVES, rows * samples / enough));
        return new FeedOrder((int) Math.min(slots * waves, Math.max(1, rows)), rows);
    }

    /** Deals the prompts out: neighbours stay together, since they often share a beginning. */
    public Dataset<Row> deal(Dataset<Row> prompts) {
        return prompts.repartitionById(tasks, task()).sortWithinPartitions(RowNames.POSITION, RowNames.SAMPLE);
    }

    private Column task() {
        return expr("cast(" + RowNames.POSITION + " * " + tasks + "L div " + rows + "L as int)");
    }
}
