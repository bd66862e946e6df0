package nighttrain.pipeline.cluster;

import java.time.Duration;
import java.util.Iterator;
import java.util.Optional;
import java.util.function.Consumer;
import org.apache.hadoop.fs.Path;
import org.apache.spark.SparkContext;
import org.apache.spark.api.java.function.ForeachPartitionFunction;
import org.apache.spark.resource.ResourceProfile;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import scala.Option;

/**
 * Runs the tasks that feed engines: a stage of its own, on the executors that have the GPUs, and one that needs nothing of the
 * executors that sorted its prompts. On a cluster these go to the job's file system first: read from a shuffle, they would be
 * lost with any executor, and Spark would begin all tasks that are under way a second time beside the first.
 */
public final class GenerateStage {
    private final SparkSession spark;
    private final Path folder;
    private final Duration executorWait;
    private final Consumer<String> says;

    private GenerateStage(SparkSession spark, Path folder, Duration executorWait, Consumer<String> says) {
        this.spark = spark;
        this.folder = folder;
        this.executorWait = executorWait;
        this.says = says;
    }

    /**
     * A stage.
     *
     * @param folder for the prompts, while they are fed
     * @param executorWait for the first executor that has the stage's GPUs
     * @param says takes a line where that is waited for
     */
    public static GenerateStage of(SparkSession spark, Path folder, Duration executorWait, Consumer<String> says) {
        return new GenerateStage(spark, folder, executorWait, says);
    }

    /** Runs a task for each partition of the prompts. */
    public void run(Dataset<Row> prompts, ForeachPartitionFunction<Row> task) {
        if (spark.sparkContext().isLocal()) {
            prompts.foreachPartition(task);
            return;
        }
        Dataset<Row> kept = keep(prompts);
        Optional<ResourceProfile> gpus =
                StageGpus.of(spark.sparkContext().getConf()).map(StageGpus::profile);
        if (gpus.isPresent()) {
            FirstExecutor.await(spark.sparkContext(), gpus.get(), executorWait, says);
            kept.toJavaRDD().withResources(gpus.get()).foreachPartition((Iterator<Row> rows) -> task.call(rows));
        } else {
            kept.foreachPartition(task);
        }
    }

    private Dataset<Row> keep(Dataset<Row> prompts) {
        SparkContext context = spark.sparkContext();
        Option<String> before = context.getCheckpointDir();
        context.setCheckpointDir(folder.toString());
        try {
            return prompts.checkpoint();
        } finally {
            if (before.isDefined()) { // a user's: Spark puts a new folder beside what is there
                context.setCheckpointDir(new Path(before.get()).getParent().toString());
            }
        }
    }
}
