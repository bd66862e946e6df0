package nighttrain.pipeline.task;

import java.io.Serializable;
import java.util.List;
import nighttrain.executor.EngineConfig.Backend;
import nighttrain.executor.EnginePlan;
import nighttrain.io.rows.ResultRow;
import nighttrain.pipeline.progress.Heartbeat.Done;
import org.apache.spark.SparkContext;
import org.apache.spark.util.CollectionAccumulator;
import org.apache.spark.util.LongAccumulator;

/**
 * Counters on the generating stage in Spark's UI. Spark merges them when tasks end.
 *
 * @param rows outputs finished, errors included
 * @param errors outputs that failed
 * @param promptTokens tokens of the finished outputs' prompts
 * @param outputTokens tokens of the finished outputs
 * @param suspicious outputs left to the isolated pass
 * @param left outputs left for another run
 * @param engines engines that computed the outputs
 */
public record TaskCounters(
        LongAccumulator rows,
        LongAccumulator errors,
        LongAccumulator promptTokens,
        LongAccumulator outputTokens,
        LongAccumulator suspicious,
        LongAccumulator left,
        CollectionAccumulator<EngineUsed> engines)
        implements Serializable {
    /** Registers new counters. */
    public static TaskCounters in(SparkContext spark) {
        return new TaskCounters(
                spark.longAccumulator("rows"),
                spark.longAccumulator("row errors"),
                spark.longAccumulator("prompt tokens"),
                spark.longAccumulator("output tokens"),
                spark.longAccumulator("suspicious rows"),
                spark.longAccumulator("rows left"),
                spark.collectionAccumulator("engines"));
    }

    /** The engines that ran, each once; empty if nothing was left to do. */
    public List<EngineUsed> enginesUsed() {
        return engines.value().stream().distinct().toList();
    }

    /** Returns the work of finished tasks. */
    public Done done() {
        return new Done(rows.value(), errors.value(), promptTokens.value(), outputTokens.value());
    }

    void used(EngineUsed engine) {
        engines.add(engine);
    }

    void add(ResultRow row) {
        rows.add(1);
        errors.add(row.error() == null ? 0 : 1);
        promptTokens.add(row.promptTokens());
        outputTokens.add(row.outputTokens());
    }

    /**
     * An engine that ran a part of the job.
     *
     * @param executor its executor
     * @param layout replicas x ranks
     * @param batch reason for its number of sequences in a step; empty where the user set the number
     * @param gpus number of GPUs that it drives; 0 on CPUs
     */
    public record EngineUsed(String executor, String layout, String batch, int gpus) implements Serializable {
        static EngineUsed of(String executor, EnginePlan plan) {
            return new EngineUsed(
                    executor,
                    plan.layout(),
                    plan.choice().orElse(""),
                    plan.backend() == Backend.CUDA ? plan.replicas() * plan.ranks() : 0);
        }
    }
}
