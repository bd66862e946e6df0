package nighttrain.pipeline.task;

import nighttrain.io.journal.AttemptLog;
import nighttrain.pipeline.host.RunContext;
import org.apache.spark.TaskContext;

/**
 * One attempt of a task of one pass, and the names of what it leaves in the journal.
 *
 * @param run the run
 * @param pass which of its passes
 * @param task Spark's view of it
 */
record TaskAttempt(RunContext run, Pass pass, TaskContext task) {
    boolean isFirst() {
        return task.attemptNumber() == 0 && task.stageAttemptNumber() == 0;
    }

    /** What names of all attempts of this task have in common. */
    String taskName() {
        return String.format("%s-%s%05d-", run.runId(), pass.letter(), task.partitionId());
    }

    String name() {
        return taskName() + task.taskAttemptId();
    }

    /** What is known of the task's rows now. */
    AttemptCounts tries() {
        return isFirst() ? pass.tries() : pass.tries().plus(AttemptCounts.in(run.journal(), taskName()));
    }

    AttemptLog tryLog() {
        return new AttemptLog(run.journal(), name());
    }
}
