package nighttrain.pipeline.progress;

import org.apache.spark.scheduler.SparkListenerEvent;

/**
 * A run starts to generate. Event logs contain the name of this class, so it stays in this package.
 *
 * @param runId the run
 * @param output where its results will be
 * @param atMs when, in ms since 1970
 * @param outputs to finish in all: rows times samples
 * @param outputsBefore of these, finished by earlier runs
 * @param errorsBefore of these, failed
 */
public record RunStarted(String runId, String output, long atMs, long outputs, long outputsBefore, long errorsBefore)
        implements SparkListenerEvent {}
