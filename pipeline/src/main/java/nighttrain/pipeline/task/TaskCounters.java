package nighttrain.pipeline.task;

import java.io.Serializable;
import java.util.List;
import nighttrain.io.rows.ResultRow;
import nighttrain.pipeline.progress.Heartbeat.Done;
import org.apache.spark.SparkContext;
import org.apache.spark.util.CollectionAccumulator;
import org.apache.spark.util.LongAccumulator;

/**
 * Counters in Spark's UI, on the stage that generates; Spark merges them when tasks end.
 *
 * @param rows outputs finished, errors included
 * @param errors outputs that failed
 * @param promptTokens tokens of their prompts
 * @param outputTokens tokens of their texts
 * @param suspicious outputs left for the pass in which every row is alone
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
    /** New ones. */
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

    /** The engines that ran, each once; none where nothing was left to do. */
    public List<EngineUsed> enginesMet() {
        return engines.value().stream().distinct().toList();
    }

    /** What ended tasks have done. */
    public Done done() {
        return new Done(rows.value(), errors.value(), promptTokens.value(), outputTokens.value());
    }

    void met(EngineUsed engine) {
        engines.add(engine);
    }

    void add(ResultRow row) {
        rows.add(1);
        errors.add(row.error() == null ? 0 : 1);
        promptTokens.add(row.promptTokens());
        outputTokens.add(row.outputTokens());
    }
}
