package nighttrain.pipeline.progress;

import java.io.Serializable;
import org.apache.spark.scheduler.SparkListenerEvent;

/**
 * The work of one executor for a run so far, and the load of its engine. Executors send heartbeats to the driver's plugin, which posts
 * them on Spark's listener bus for the run's driver and the Spark UI. Spark's accumulators do not change before a task ends. Event logs
 * contain the name of this class, so it stays in this package.
 *
 * @param runId the run
 * @param executor the executor; {@link #ALL} for all of them together
 * @param atMs time of the heartbeat, in ms since 1970
 * @param done the work done so far
 * @param load the load of its engine
 * @param kept whether Spark's event log keeps it for the history server; twice a second would be too much
 */
public record Heartbeat(String runId, String executor, long atMs, Done done, Load load, boolean kept)
        implements Serializable, SparkListenerEvent {
    /** Stands in place of an executor's name for all executors together. */
    public static final String ALL = "all";

    /**
     * Counts of work done.
     *
     * @param rows outputs finished, errors included
     * @param errors outputs that failed
     * @param promptTokens tokens of the prompts of finished rows
     * @param outputTokens tokens generated, those of unfinished rows included
     */
    public record Done(long rows, long errors, long promptTokens, long outputTokens) implements Serializable {
        public static final Done NOTHING = new Done(0, 0, 0, 0);

        public Done plus(Done more) {
            return new Done(
                    rows + more.rows,
                    errors + more.errors,
                    promptTokens + more.promptTokens,
                    outputTokens + more.outputTokens);
        }

        /** Returns the greater of the two, figure by figure. */
        public Done max(Done other) {
            return new Done(
                    Math.max(rows, other.rows),
                    Math.max(errors, other.errors),
                    Math.max(promptTokens, other.promptTokens),
                    Math.max(outputTokens, other.outputTokens));
        }
    }

    /**
     * The load of an engine.
     *
     * @param running sequences in the current steps
     * @param waiting requests taken but not yet running
     * @param kvUsed pages of the KV cache in use
     * @param kvPages pages of the KV cache in total
     * @param tokensPerS recent output tokens per second
     */
    public record Load(int running, int waiting, int kvUsed, int kvPages, double tokensPerS) implements Serializable {
        public static final Load NONE = new Load(0, 0, 0, 0, 0);

        public Load plus(Load more) {
            return new Load(
                    running + more.running,
                    waiting + more.waiting,
                    kvUsed + more.kvUsed,
                    kvPages + more.kvPages,
                    tokensPerS + more.tokensPerS);
        }

        /** Returns the share of the pages in use, 0 to 1. */
        public double kvUse() {
            return kvPages == 0 ? 0 : (double) kvUsed / kvPages;
        }
    }

    /** Returns the same heartbeat, marked for the event log. */
    public Heartbeat keep() {
        return new Heartbeat(runId, executor, atMs, done, load, true);
    }

    @Override
    public boolean logEvent() {
        return kept;
    }
}
