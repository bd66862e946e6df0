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
 * Runs the generating tasks as a stage of its own, on the executors that have the GPUs. On a cluster the partitioned prompts are
 * written to the job's file system first. Prompts in a shuffle would be lost with any executor, and Spark would then start every
 * running task a second time beside the first.
 */
public final class GenerateStage {
    private final SparkSession spark;
    private final Path folder;
    private final Duration executorWait;
    private final Consumer<String> says;

    /**
     * Creates a stage.
     *
     * @param folder directory for the prompts while the stage runs
     * @param executorWait limit of the wait for the first executor with the stage's GPUs
     * @param says takes a line when the stage waits for that executor
     */
    public GenerateStage(SparkSession spark, Path folder, Duration executorWait, Consumer<String> says) {
        this.spark = spark;
        this.folder = folder;
        this.executorWait = executorWait;
        this.says = says;
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
            if (before.isDefined()) { // the user's own; Spark adds a new folder to it
                context.setCheckpointDir(new Path(before.get()).getParent().toString());
            }
        }
    }
}
