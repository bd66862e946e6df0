package nighttrain.pipeline.cluster;

import java.util.List;
import java.util.Optional;
import org.apache.spark.SparkConf;
import org.apache.spark.resource.ExecutorResourceRequests;
import org.apache.spark.resource.ResourceProfile;
import org.apache.spark.resource.ResourceProfileBuilder;
import org.apache.spark.resource.TaskResourceRequests;

/**
 * GPUs for the generating stage alone. With dynamic allocation Spark can start executors for a stage and remove them after it. Then the
 * request for GPUs moves from Spark's conf, which holds for every executor, to that stage. Without dynamic allocation all executors have
 * the GPUs for the whole job.
 *
 * @param amount GPUs per executor
 * @param discoveryScript the script that lists them, or empty
 * @param vendor GPU vendor for Kubernetes, or empty
 * @param conf cores and memory of executors
 */
public record StageGpus(long amount, String discoveryScript, String vendor, SparkConf conf) {
    private static final String ASKED = "spark.executor.resource.gpu.";
    private static final String MOVED = "spark.nighttrain.stage.gpu.";
    private static final List<String> PARTS = List.of("amount", "discoveryScript", "vendor");

    /** Moves the request to the stage if that is possible, before Spark starts. */
    public static void claim(SparkConf conf) {
        if (conf.getBoolean("spark.dynamicAllocation.enabled", false)) {
            for (String part : PARTS) {
                if (conf.contains(ASKED + part)) {
                    conf.set(MOVED + part, conf.get(ASKED + part)).remove(ASKED + part);
                }
            }
        }
    }

    /** Returns the stage's request for GPUs, if any. */
    public static Optional<StageGpus> of(SparkConf conf) {
        return conf.contains(MOVED + "amount")
                ? Optional.of(new StageGpus(
                        conf.getLong(MOVED + "amount", 0),
                        conf.get(MOVED + "discoveryScript", ""),
                        conf.get(MOVED + "vendor", ""),
                        conf))
                : Optional.empty();
    }

    ResourceProfile profile() {
        ExecutorResourceRequests executor = new ExecutorResourceRequests()
                .resource("gpu", amount, discoveryScript, vendor)
                .memory(conf.get("spark.executor.memory", "1g"));
        if (conf.contains("spark.executor.cores")) {
            executor.cores(conf.getInt("spark.executor.cores", 1));
        }
        if (conf.contains("spark.executor.memoryOverhead")) {
            executor.memoryOverhead(conf.get("spark.executor.memoryOverhead"));
        }
        TaskResourceRequests task = new TaskResourceRequests().cpus(conf.getInt("spark.task.cpus", 1));
        return new ResourceProfileBuilder().require(executor).require(task).build();
    }
}
