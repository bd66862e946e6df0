package nighttrain.pipeline.task;

import java.util.HashSet;
import java.util.Set;
import nighttrain.io.journal.AttemptLog;
import nighttrain.io.journal.Journal;
import nighttrain.io.journal.JournalReader;
import nighttrain.io.journal.JournalWriter;
import nighttrain.io.rows.ResultRow;
import nighttrain.pipeline.host.RunContext;
import nighttrain.pipeline.task.TaskSpec.Pass;
import org.apache.hadoop.fs.FileStatus;
import org.apache.spark.TaskContext;

/**
 * One attempt of a task in one pass, and its files in the journal.
 *
 * @param run the run
 * @param pass the pass of the run
 * @param task Spark's context of the attempt
 */
record TaskAttempt(RunContext run, Pass pass, TaskContext task) {
    boolean isFirst() {
        return task.attemptNumber() == 0 && task.stageAttemptNumber() == 0;
    }

    /** Returns the prefix of the names of all attempts of this task. */
    String taskName() {
        return String.format("%s-%s%05d-", run.runId(), pass.letter(), task.partitionId());
    }

    String name() {
        return taskName() + task.taskAttemptId();
    }

    /** Returns the counts of all earlier attempts at the task's rows. */
    AttemptCounts attempts() {
        return isFirst()
                ? pass.attempts()
                : pass.attempts().plus(AttemptCounts.in(run.journal(), taskName(), file -> true));
    }

    AttemptLog attemptLog() {
        return new AttemptLog(run.journal(), name());
    }

    /**
     * Opens the writer of the rows that this attempt finishes. The writer flushes them in a thread of its own, so that the engine never
     * waits.
     */
    JournalWriter<ResultRow> results() {
        return run.journal().resultsInBackground(name());
    }

    /** Returns the rows that earlier attempts of this task finished in this run. Rows that earlier runs finished never reach a task. */
    Set<PromptRow.Key> finishedBefore() {
        Set<PromptRow.Key> keys = new HashSet<>();
        if (isFirst()) {
            return keys;
        }
        Journal journal = run.journal();
        for (FileStatus file : journal.resultFiles()) {
            if (file.getPath().getName().contains(taskName())) {
                try (JournalReader<ResultRow> rows = Journal.read(journal.fs(), file.getPath())) {
                    rows.forEachRemaining(row -> keys.add(new PromptRow.Key(row.file(), row.row(), row.sample())));
                }
            }
        }
        return keys;
    }
}
