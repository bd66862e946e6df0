package nighttrain.pipeline.progress;

import org.apache.spark.scheduler.SparkListenerEvent;

/**
 * A run begins to generate; goes into Spark's event log.
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
