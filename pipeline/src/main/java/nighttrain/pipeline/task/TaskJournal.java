package nighttrain.pipeline.task;

import java.util.HashSet;
import java.util.Set;
import nighttrain.io.journal.Journal;
import nighttrain.io.journal.JournalReader;
import nighttrain.io.journal.JournalWriter;
import nighttrain.io.rows.ResultRow;
import org.apache.hadoop.fs.FileStatus;

/** What one attempt of a task finishes, and what its earlier attempts had finished. */
final class TaskJournal implements AutoCloseable {
    private final JournalWriter<ResultRow> writer;

    private TaskJournal(JournalWriter<ResultRow> writer) {
        this.writer = writer;
    }

    static TaskJournal open(TaskAttempt attempt) {
        return new TaskJournal(attempt.run().journal().resultsInBackground(attempt.name()));
    }

    /** What earlier attempts of this task finished in this run; what earlier runs finished never reaches a task. */
    static Set<PromptRow.Key> finishedBefore(TaskAttempt attempt) {
        Set<PromptRow.Key> keys = new HashSet<>();
        if (attempt.isFirst()) {
            return keys;
        }
        Journal journal = attempt.run().journal();
        for (FileStatus file : journal.resultFiles()) {
            if (file.getPath().getName().contains(attempt.taskName())) {
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
}
