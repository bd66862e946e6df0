package nighttrain.pipeline.partition;

import org.apache.spark.SparkContext;

/**
 * The task slots that share the prompts.
 *
 * @param engines number of engines, one per executor
 * @param perEngine tasks that feed an engine at a time
 * @param maxNumSeqs sequences that an engine runs at a time
 */
record Slots(int engines, int perEngine, int maxNumSeqs) {
    /** The time of a task's longest answers, as a multiple of the average. */
    private static final long LONGEST_ANSWER = 4;
    /** Batches of a task without other tasks on its engine: half an answer's time in sixteen is lost then. */
    private static final long LONE_BATCHES = 16;

    Slots {
        if (engines < 1 || perEngine < 1 || maxNumSeqs < 1) {
            throw new IllegalArgumentException(
                    "slots: " + engines + " x " + perEngine + " x " + maxNumSeqs + " (each at least 1)");
        }
    }

    /** Returns the slots of the current executors. */
    static Slots of(SparkContext spark, int maxNumSeqs) {
        int tasks = spark.defaultParallelism() / spark.conf().getInt("spark.task.cpus", 1);
        // Spark lists the driver too.
        int engines = spark.isLocal() ? 1 : Math.max(1, spark.statusTracker().getExecutorInfos().length - 1);
        return new Slots(engines, Math.max(1, tasks / engines), maxNumSeqs);
    }

    /** Returns the number of tasks that run at a time. */
    int all() {
        return engines * perEngine;
    }

    /** Returns the number of sequences that all engines take together, including those in their queues. */
    long queues() {
        return 2L * engines * maxNumSeqs;
    }

    /**
     * Returns the least number of prompts that a task needs to keep its engine full. A task at its end offers nothing while it waits for
     * its longest answers, which take about four times the average, and the other tasks must keep the engine busy meanwhile. Without other
     * tasks the engine runs empty at every task's end, so tasks must be long.
     */
    long leastRowsPerTask() {
        return perEngine == 1 ? LONE_BATCHES * maxNumSeqs : Math.max(1, LONGEST_ANSWER * maxNumSeqs / (perEngine - 1));
    }
}
