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
 * @param promptTokens tokens of their prompts
 * @param outputTokens tokens of their texts
 * @param suspicious outputs left to the isolated pass
 * @param left outputs left for another run
 * @param engines that ran them
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
    /** New counters. */
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

    /** What finished tasks have done. */
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
     * @param executor where
     * @param layout replicas x ranks
     * @param batch why it runs as many sequences in a step as it does; empty where their number was given
     * @param gpus how many it drives; 0 on CPUs
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
