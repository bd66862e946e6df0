package nighttrain.pipeline.feed;

import java.util.HashSet;
import java.util.Set;
import nighttrain.io.journal.Journal;
import nighttrain.io.journal.JournalReader;
import nighttrain.io.journal.JournalWriter;
import nighttrain.io.table.ResultRow;
import nighttrain.pipeline.engine.RunContext;
import org.apache.hadoop.fs.FileStatus;
import org.apache.spark.TaskContext;

/** What one attempt of a task finishes, and what its earlier attempts had finished. */
final class TaskJournal implements AutoCloseable {
    private final JournalWriter<ResultRow> writer;

    private TaskJournal(JournalWriter<ResultRow> writer) {
        this.writer = writer;
    }

    static TaskJournal open(RunContext run, TaskContext task) {
        return new TaskJournal(run.journal().resultsInBackground(prefix(run, task) + task.taskAttemptId()));
    }

    /** What earlier attempts of this task finished in this run; what earlier runs finished never reaches a task. */
    static Set<PromptRow.Key> finishedBefore(RunContext run, TaskContext task) {
        Set<PromptRow.Key> keys = new HashSet<>();
        if (task.attemptNumber() == 0 && task.stageAttemptNumber() == 0) {
            return keys;
        }
        Journal journal = run.journal();
        for (FileStatus file : journal.resultFiles()) {
            if (file.getPath().getName().contains(prefix(run, task))) {
                try (JournalReader<ResultRow> rows = Journal.read(journal.fs(), file.getPath())) {
                    rows.forEachRemaining(row -> keys.add(new PromptRow.Key(row.file(), row.row(), row.sample())));
                }
            }
        }
        return keys;
    }

    void append(ResultRow row) {
        writer.append(row);
    }

    /** Throws where rows could not be written: rows are flushed by a thread of the writer's, so that the engine never waits. */
    void pause() {
        writer.flush();
    }

    @Override
    public void close() {
        writer.close();
    }

    private static String prefix(RunContext run, TaskContext task) {
        return String.format("%s-p%05d-", run.runId(), task.partitionId());
    }
}
