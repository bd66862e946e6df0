package nighttrain.pipeline.progress;

import org.apache.spark.scheduler.SparkListenerEvent;

/**
 * The event that a run starts to generate. Event logs contain the name of this class, so it stays in this package.
 *
 * @param runId the run
 * @param output the output directory
 * @param atMs time of the start, in ms since 1970
 * @param outputs outputs of the whole job: rows times samples
 * @param outputsBefore outputs that earlier runs finished
 * @param errorsBefore outputs of earlier runs that failed
 */
public record RunStarted(String runId, String output, long atMs, long outputs, long outputsBefore, long errorsBefore)
        implements SparkListenerEvent {}
